"""The server under test: a real process on a folder of its own, whose ports outlive restarts; and what a reader sees.

Every wait has a deadline. A folder whose test failed is kept, and its path printed.
"""

import json
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE_S = 300
INSTANCE = "sms-434"


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, probe, seconds=PATIENCE_S):
    """Polls until it is there."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


class Server:
    def __init__(self, binary, config="", syslog=(), ca=None):
        self.binary = binary
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="martlog-doors-"))
        self.port, self.probes = free_port(), free_port()
        self.url = f"{'https' if ca else 'http'}://127.0.0.1:{self.port}"
        self.context = ssl.create_default_context(cafile=ca) if ca else None
        self.config = self.root / "martlog.toml"
        self.text = f'[serve]\ndir = "data"\nlisten = "127.0.0.1:{self.port}"\nprobes = "127.0.0.1:{self.probes}"\n{config}\n'
        self.config.write_text(self.text)
        self.process = None
        self.log = open(self.root / "log", "ab")
        self.start()
        self.staff = (self.root / "data/staff.token").read_text().strip()
        self.furnish()
        if syslog:
            (self.root / "syslog.token").write_text(self.ingest)
            for name, listener in syslog:
                self.text += f'[[serve.syslog]]\ntoken-file = "syslog.token"\n{listener}\n'
            self.config.write_text(self.text)
            self.stop()
            self.start()

    def start(self):
        self.process = subprocess.Popen([self.binary, "serve", "--config", self.config], stdout=subprocess.DEVNULL, stderr=self.log, cwd=self.root)
        until("the server", self.is_up)

    def is_up(self):
        assert self.process.poll() is None, f"the server has ended: {self.root}/log"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.probes}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self):
        """As kill -9, so that nothing is closed."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=PATIENCE_S) == 0, f"the server did not stop in order: {self.root}/log"

    def ask(self, method, path, body=None, token=None, headers=None):
        """Status, headers and bytes of an answer."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        all_headers = {"Authorization": f"Bearer {token or self.staff}", **(headers or {})}
        if body is not None and "Content-Type" not in all_headers:
            all_headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=all_headers)
        try:
            with urllib.request.urlopen(request, timeout=120, context=self.context) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def make(self, path, body):
        status, _, text = self.ask("POST", f"/api/v1/{path}", body)
        assert status in (200, 201), text
        return json.loads(text)

    def furnish(self):
        self.make("partners", {"id": "acme"})
        self.make("modules", {"id": "sms", "partner": "acme"})
        self.make("instances", {"id": INSTANCE, "module": "sms", "csp": "434", "selector": {"namespace": "ns"}})
        self.ingest = self.token()
        self.partner = self.make("tokens", {"kind": "partner", "partner": "acme"})["token"]

    def token(self):
        return self.make("tokens", {"kind": "ingest", "partner": "acme", "instances": [INSTANCE]})["token"]

    def rows(self, query="*"):
        """What a partner finds, newest first."""
        found, cursor = [], None
        while True:
            body = {"query": query, "from": "-48h", "limit": 10_000, **({"cursor": cursor} if cursor else {})}
            status, _, text = self.ask("POST", "/api/v1/search", body, token=self.partner)
            assert status == 200, text
            lines = [json.loads(line) for line in text.splitlines()]
            found += [line["row"] for line in lines if "row" in line]
            cursor = lines[-1]["summary"].get("cursor")
            if not cursor or not any("row" in line for line in lines):
                return found

    def messages(self, query):
        return sorted(row["message"] for row in self.rows(query))

    def metric(self, name):
        """The sum of a metric over its labels given in the name, such as martlog_door_lines_total{door="otlp"."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.probes}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        if kind:
            print(f"kept: {self.root}")
        else:
            subprocess.run(["rm", "-r", self.root], check=True)


def same(found, expected, what="messages"):
    """Equal, as lists that are sorted: nothing lost and nothing doubled."""
    if found != expected:
        missing = [text for text in expected if text not in found][:5]
        extra = [text for text in found if text not in expected][:5]
        doubled = len(found) - len(set(found))
        raise AssertionError(f"{what}: {len(found)} instead of {len(expected)}, {doubled} doubled; missing {missing}, not expected {extra}")
