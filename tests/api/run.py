"""Holds a real server against its own document, docs/openapi.json, with schemathesis: as staff, partner, ingest, collector, and with no token.

Usage: run.py MARTLOG SCHEMATHESIS. No status that is not documented, nothing of 500 and above, answers as their schemas say, streams line by line. The seed is fixed, the
time of each role bounded. Left out, and why:

* `tail` and `backup`: their answers end when the reader goes away, so nothing that waits for the end of one comes back; they have tests of their own.
* `erase`, as staff: each would rewrite the store of the run, one behind the other; without `dry_run` in most of them the queue outlives the run.
* Nothing else: what creates, changes and removes in the registry is asked with the rest.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SEED = 434
SECONDS = 20
CHECKS = ",".join([
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance",
    "unsupported_method", "lines_conform",
])


def request(address, token, method, path, body=None):
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/x-ndjson" if isinstance(body, str) else "application/json"
    asked = urllib.request.Request(f"{address}/api/v1/{path}", data=data, method=method, headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.loads(answer.read() or "null")


def furnish(address, staff):
    """Two partners with lines of several kinds; a token of each role."""
    tokens = {"staff": staff, "nobody": None}
    for partner, module, csp in [("acme", "sms", "434"), ("globex", "crm", "255")]:
        instance = f"{module}-{csp}"
        request(address, staff, "POST", "partners", {"id": partner})
        request(address, staff, "POST", "modules", {"id": module, "partner": partner, "policy": {"redaction": {"phone": "hash"}}})
        request(address, staff, "POST", "instances", {"id": instance, "module": module, "csp": csp, "selector": {"namespace": f"ns-{instance}"}})
        ingest = request(address, staff, "POST", "tokens", {"kind": "ingest", "partner": partner})["token"]
        lines = []
        for number in range(400):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - number * 60))
            level = ["info", "warn", "error", "debug"][number % 4]
            lines.append(json.dumps({"timestamp": at, "level": level, "message": f"call {number} took {number * 7} ms", "duration_ms": number * 7,
                                     "session_id": f"s-{number // 10}", "account_id": "79123456789", "password": "geheim", "nested": {"a": [1, None, "x"]}}))
            lines.append(f"plain text {number} REQ <{number:032x}>")
        request(address, ingest, "POST", f"ingest?instance={instance}", "\n".join(lines))
        if partner == "acme":
            tokens["ingest"] = ingest
            tokens["partner"] = request(address, staff, "POST", "tokens", {"kind": "partner", "partner": partner})["token"]
    tokens["collector"] = request(address, staff, "POST", "tokens", {"kind": "collector", "cluster": "test"})["token"]
    return tokens


def check(schemathesis, address, role, token, folder):
    skipped = ["tail", "backup"] + (["erase"] if role == "staff" else [])
    arguments = [schemathesis, "run", str(ROOT / "docs/openapi.json"), "--url", address, "--checks", CHECKS, "--phases", "examples,coverage,fuzzing",
                 "--seed", str(SEED), "--max-time", str(SECONDS), "--max-examples", "30", "--request-timeout", "40", "--generation-database", "none", "--no-color",
                 "--warnings", "off", "--continue-on-failure", "--no-shrink"]
    for operation in skipped:
        arguments += ["--exclude-operation-id", operation]
    if token is not None:
        arguments += ["--header", f"Authorization: Bearer {token}"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(ROOT / "tests/api"), "MARTLOG_OPENAPI": str(ROOT / "docs/openapi.json")}
    done = subprocess.run(arguments, env=environment, cwd=folder, capture_output=True, text=True)
    print(f"api: {role}: {'passed' if done.returncode == 0 else 'failed'}", flush=True)
    if done.returncode != 0:
        print(done.stdout[-20_000:], done.stderr[-2_000:])
    return done.returncode == 0


def main():
    martlog, schemathesis = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="martlog-api-") as folder:
        data = pathlib.Path(folder, "data")
        arguments = [martlog, "serve", "--dir", str(data), "--listen", "127.0.0.1:0", "--probes", "127.0.0.1:0"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=folder, env={"HOME": folder, "RUST_LOG": "error"}) as server:
            try:
                address = server.stdout.readline().removeprefix("listening on ").strip()
                tokens = furnish(address, (data / "staff.token").read_text().strip())
                # Staff last: it changes what the others read.
                passed = [check(schemathesis, address, role, tokens[role], folder) for role in ["nobody", "collector", "ingest", "partner", "staff"]]
                alive = server.poll() is None
            finally:
                server.terminate()
    if not alive:
        print("api: the server ended")
    sys.exit(0 if all(passed) and alive else 1)


main()
