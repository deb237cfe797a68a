"""Syslog from Debian's `logger` (TCP with both framings, UDP) and rsyslog (TLS, with its own queue on disk)."""

import pathlib
import socket
import subprocess
import time

from server import Server, free_port, same, until


def certificate(root):
    """A key and its certificate for localhost."""
    cert, key = root / "tls.crt", root / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def listener(port, transport):
    return f'listen = "127.0.0.1:{port}"\ntransport = "{transport}"'


def logger(port, *words, text=None):
    command = ["logger", "--server", "127.0.0.1", "--port", str(port), "--tag", "doors", *words]
    subprocess.run(command, input=text, text=True, check=True, timeout=60)


def debian_logger(binary, _node):
    tcp, udp = free_port(), free_port(socket.SOCK_DGRAM)
    with Server(binary, syslog=[("tcp", listener(tcp, "tcp")), ("udp", listener(udp, "udp"))]) as server:
        lines = [f"counted {number}" for number in range(300)]
        logger(tcp, "--tcp", "--octet-count", "--priority", "local3.warning", text="\n".join(lines))
        logger(tcp, "--tcp", "--rfc3164", "--priority", "user.err", text="\n".join(f"old {number}" for number in range(100)))
        logger(tcp, "--tcp", "--rfc5424", "--sd-id", "ex@1", "--sd-param", 'ip="1.2.3.4"', "with structured data")
        logger(udp, "--udp", "--priority", "user.notice", "a datagram")
        # Bad ones: no priority, a line in a line, what is no text, and a secret.
        with socket.create_connection(("127.0.0.1", tcp)) as raw:
            raw.sendall(b'no priority\n<14>1 - h a - - - {"level":"error","message":"a line of its own","request_id":"r-9"}\n<999>x\n<14>Oct 1 caf\xe9 password=hunter2secret\n' + b"y" * 400_000 + b"\n<14>after the long one")
        until("all of them", lambda: len(server.rows()) == 300 + 100 + 2 + 6)
        same(server.messages("counted"), sorted(lines))
        row = server.rows('"counted 7"')[0]
        assert (row["level"], row["attributes"]["facility"], row["attributes"]["appname"], row["module"]) == ("warn", "local3", "doors", "sms"), row
        old = server.rows('"old 7"')[0]
        assert (old["level"], old["attributes"]["appname"]) == ("error", "doors"), old
        assert server.rows('"structured data"')[0]["attributes"]["structured_data"]["ex@1"]["ip"] == "1.2.3.4"
        assert server.rows('"a datagram"')[0]["level"] == "info"
        assert server.rows("request_id:r-9")[0]["message"] == "a line of its own"
        assert server.rows('"no priority"')[0]["verdict"] == "raw" and len(server.rows('"after the long one"')) == 1
        assert "hunter2secret" not in str(server.rows("problem:bad_utf8"))
        # An orderly stop stores what was read.
        with socket.create_connection(("127.0.0.1", tcp)) as raw:
            raw.sendall(b"<14>1 - h a - - - before the stop\n")
            time.sleep(0.2)
            server.stop()
        server.start()
        same(server.messages('"before the stop"'), ["before the stop"])
        # A revoked token ends what was open.
        with socket.create_connection(("127.0.0.1", tcp)) as raw:
            raw.sendall(b"<14>1 - h a - - - still allowed\n")
            until("the line", lambda: server.rows('"still allowed"'))
            tokens = __import__("json").loads(server.ask("GET", "/api/v1/tokens")[2])["tokens"]
            for token in tokens:
                if token["kind"] == "ingest":
                    assert server.ask("DELETE", f"/api/v1/tokens/{token['id']}")[0] == 204
            raw.sendall(b"<14>1 - h a - - - not any more\n")
            raw.settimeout(20)
            assert raw.recv(1) == b"", "the connection is still open"
        assert not server.rows('"not any more"')
        assert server.metric('martlog_door_lost_lines_total{door="syslog"') == 1


RSYSLOG = """
global(workDirectory="{root}" DefaultNetstreamDriverCAFile="{cert}")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{udp}")
action(type="omfwd" target="localhost" port="{port}" protocol="tcp" TCP_Framing="octet-counted" StreamDriver="gtls" StreamDriverMode="1"
       StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost" template="RSYSLOG_SyslogProtocol23Format"
       action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="LinkedList" queue.size="100000")
"""


def rsyslog_over_tls(binary, _node):
    """A relay that keeps what it cannot send. Plain syslog has no acknowledgements, so what was in the kernel's buffers when the server was killed is beyond anybody: the server is stopped in order."""
    import tempfile
    keys = pathlib.Path(tempfile.mkdtemp(prefix="martlog-doors-tls-"))
    cert, key = certificate(keys)
    port, udp = free_port(), free_port(socket.SOCK_DGRAM)
    config = listener(port, "tls")
    with Server(binary, syslog=[("tls", config)], config=f'tls-cert = "{cert}"\ntls-key = "{key}"', ca=cert) as server:
        settings = keys / "rsyslog.conf"
        settings.write_text(RSYSLOG.format(root=keys, cert=cert, port=port, udp=udp))
        relay = subprocess.Popen(["rsyslogd", "-n", "-f", settings, "-i", keys / "pid"], stderr=subprocess.DEVNULL)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                def send(numbers):
                    for number in numbers:
                        sender.sendto(f"<13>Nov 22 10:12:50 relay doors[7]: relayed {number}".encode(), ("127.0.0.1", udp))
                        time.sleep(0.002)

                def first():
                    send([0])
                    return server.rows('"relayed 0"')
                until("the relay", first)
                send(range(1, 300))
                until("the first part", lambda: len(set(server.messages("relayed"))) == 300)
                server.stop()
                send(range(300, 500))
                server.start()
                send(range(500, 600))
                # The first message after a stop may be lost: the relay writes it into a connection that is closed already, and nothing tells it.
                until("the rest", lambda: len(set(server.messages("relayed"))) >= 599)
        finally:
            relay.terminate()
            relay.wait()
        row = server.rows('"relayed 599"')[0]
        assert (row["level"], row["attributes"]["hostname"], row["attributes"]["procid"]) == ("info", "relay", "7"), row
    subprocess.run(["rm", "-r", keys], check=True)


TESTS = [debian_logger, rsyslog_over_tls]
