"""Loki's API for readers: a client from PyPI, the same requests as Grafana's data source and logcli make, and a tail over a WebSocket; as partner, as staff, over a restart.

What is expected is computed from the lines that the test has pushed; the queries themselves are held against Grafana's own grammar of LogQL.
"""

import base64
import json
import subprocess
import time
import urllib.parse

from loki_reader_core import LokiClient
from loki_reader_core.exceptions import LokiAuthError, LokiQueryError
from websocket import create_connection

from server import Server, same, until

LINES = 120
NAMES = ["cluster", "csp", "instance", "level", "module", "partner", "service_name", "stream"]


def pushed(server):
    """Lines of five levels a second apart, in three requests, and one of another partner's, with names that no number or time can hold; as the oracle knows them."""
    now = int(time.time()) - 600
    lines = [
        {"time": f"{now + number}", "level": ["debug", "info", "warn", "error", "fatal"][number % 5], "status": 200 + number % 3 * 100, "took_ms": number, "message": f"sent {number} to абонент"}
        for number in range(LINES)
    ]
    for at in range(0, LINES, 40):
        values = [[str((now + number) * 10**9), json.dumps({key: value for key, value in lines[number].items() if key != "time"})] for number in range(at, at + 40)]
        status, _, text = server.ask("POST", "/loki/api/v1/push", {"streams": [{"stream": {"app": "x"}, "values": values}]}, token=server.ingest)
        assert status == 204, text
    server.make("partners", {"id": "zeta"})
    server.make("modules", {"id": "voice", "partner": "zeta"})
    server.make("instances", {"id": "voice-orion", "module": "voice", "csp": "orion", "selector": {"namespace": "voice"}})
    other = server.make("tokens", {"kind": "ingest", "partner": "zeta", "instances": ["voice-orion"]})["token"]
    status, _, text = server.ask("POST", "/loki/api/v1/push", {"streams": [{"stream": {}, "values": [[str(now * 10**9), "plutonium"]]}]}, token=other)
    assert status == 204, text
    return now, lines


def of_client(binary, _node):
    """The client from PyPI: its own ways of asking, before and after a restart."""
    with Server(binary) as server:
        now, lines = pushed(server)
        client = LokiClient(server.url, auth=("grafana", server.partner), org_id="zeta")
        for _ in range(2):
            same(sorted(client.get_labels()), NAMES)
            same(client.get_label_values("module"), ["sms"])
            same(sorted(LokiClient(server.url, auth=("x", server.staff)).get_label_values("module")), ["sms", "voice"])
            assert len(client.get_series(['{module="sms"}'])) == 5
            found = client.query_range('{service_name="sms", level=~"error|fatal"} |= "sent" | json | status >= 400', start=now * 10**9, end=(now + LINES) * 10**9, limit=1000)
            expected = [line["message"] for line in lines if line["level"] in ("error", "fatal") and line["status"] >= 400]
            same(sorted(entry.message for stream in found.streams for entry in stream.entries), sorted(expected))
            counted = client.query('sum(count_over_time({module="sms"}[30m])) by (level)')
            assert {series.labels["level"]: float(series.samples[0].value) for series in counted.metric_series} == {line["level"]: LINES / 5 for line in lines}
            found = client.query(app="sms", severity="error", limit=1000)
            same(sorted(entry.message for stream in found.streams for entry in stream.entries), sorted(line["message"] for line in lines if line["level"] in ("error", "fatal")))
            server.stop()
            server.start()
        try:
            client.query_range("{} | line_format `x`", start=now * 10**9, end=(now + 1) * 10**9)
            raise AssertionError("what is not supported was answered")
        except LokiQueryError as error:
            assert "line_format is not supported here" in str(error), error
        try:
            LokiClient(server.url, auth=("x", "wrong")).get_labels()
            raise AssertionError("a wrong token was let in")
        except LokiAuthError:
            pass


def answer(server, path, token=None, headers=None, **parameters):
    status, _, text = server.ask("GET", f"/loki/api/v1/{path}?{urllib.parse.urlencode(parameters)}", token=token or server.partner, headers=headers)
    assert status == 200, (path, parameters, text)
    return json.loads(text)


def of_grafana(binary, _node):
    """What Grafana's data source asks: its health, the editor, Explore with its histogram and its pages, a dashboard, Logs Drilldown."""
    with Server(binary) as server:
        now, lines = pushed(server)
        basic = {"Authorization": "Basic " + base64.b64encode(f"any:{server.partner}".encode()).decode(), "X-Scope-OrgID": "zeta"}
        health = answer(server, "query", headers=basic, query="vector(1)+vector(1)", time=int(time.time() * 10**9), limit=1)
        assert health["data"]["result"][0]["value"][1] == "2", health
        begin, end = now * 10**9, (now + LINES) * 10**9
        flags = {"X-Loki-Response-Encoding-Flags": "categorize-labels", **basic}
        pages, to = [], end
        while True:
            data = answer(server, "query_range", headers=flags, query='{module="sms"}', start=begin, end=to, direction="backward", limit=50, step="1000ms")["data"]
            assert data["encodingFlags"] == ["categorize-labels"]
            page = [(int(ns), text, more) for stream in data["result"] for ns, text, more in stream["values"]]
            if not page:
                break
            pages += page
            to = min(ns for ns, *_ in page)
        same(sorted(text for _, text, _ in pages), sorted(line["message"] for line in lines))
        assert all(more["structuredMetadata"]["app"] == "x" for *_, more in pages)
        assert len({ns for ns, *_ in pages}) == LINES
        query = 'sum by (level, detected_level) (count_over_time({module="sms"} | drop __error__[20s]))'
        matrix = answer(server, "query_range", headers=basic, query=query, start=begin, end=end, step="20s")["data"]["result"]
        for series in matrix:
            level = series["metric"]["level"]
            assert series["metric"]["detected_level"] == level
            for at, value in series["values"]:
                assert int(value) == sum(at - 20 < now + number <= at and line["level"] == level for number, line in enumerate(lines)), (level, at, value)
        assert len(matrix) == 5
        p95 = answer(server, "query", headers=basic, query='quantile_over_time(0.5, {module="sms"} | json | unwrap took_ms [1h]) by (module)', time=int(time.time() * 10**9))
        assert p95["data"]["result"] == [{"metric": {"module": "sms"}, "value": [p95["data"]["result"][0]["value"][0], str((LINES - 1) / 2)]}], p95
        volume = answer(server, "index/volume", headers=basic, query='{service_name=~".+"}', start=begin, end=end, targetLabels="service_name", limit=100)
        assert [one["metric"] for one in volume["data"]["result"]] == [{"service_name": "sms"}], volume
        assert answer(server, "index/stats", headers=basic, query='{module="sms"}', start=begin, end=end)["entries"] == LINES
        fields = {field["label"]: field["type"] for field in answer(server, "detected_fields", headers=basic, query='{module="sms"}', start=begin, end=end)["fields"]}
        assert fields == {"app": "string", "status": "int", "took_ms": "int"}, fields
        patterns = answer(server, "patterns", headers=basic, query='{module="sms"}', start=begin, end=end, step="60s")["data"]
        assert [pattern["pattern"] for pattern in patterns] == ["sent <_> to абонент"] and sum(count for _, count in patterns[0]["samples"]) == LINES, patterns
        for path in ("labels", "series", "label/partner/values", "detected_labels", "index/volume", "query_range"):
            text = json.dumps(answer(server, path, headers=basic, query='{partner=~".+"}'))
            assert not any(secret in text for secret in ("zeta", "voice", "plutonium", "orion")), (path, text)
        assert server.metric('martlog_door_refused_total{door="loki-read"') == 0


def following(binary, _node):
    """The tail of logcli and of Grafana's live mode: what was there, what comes, and the end of a token."""
    with Server(binary) as server:
        now, lines = pushed(server)
        token = server.make("tokens", {"kind": "partner", "partner": "acme"})
        address = f"ws://127.0.0.1:{server.port}/loki/api/v1/tail?" + urllib.parse.urlencode({"query": '{module="sms"} |= "sent"', "limit": 5, "start": now * 10**9})
        socket = create_connection(address, header=[f"Authorization: Bearer {token['token']}"], timeout=30)
        heard = []

        def hear(many):
            while len(heard) < many:
                message = json.loads(socket.recv())
                heard.extend(text for stream in message["streams"] for _, text in stream["values"])

        hear(5)
        same(sorted(heard), sorted(line["message"] for line in lines[-5:]))
        for number in range(20):
            body = {"streams": [{"stream": {}, "values": [[str(time.time_ns()), f"sent live {number}"], [str(time.time_ns()), "unheard"]]}]}
            assert server.ask("POST", "/loki/api/v1/push", body, token=server.ingest)[0] == 204
        hear(25)
        same(heard[5:], [f"sent live {number}" for number in range(20)])
        status, _, text = server.ask("DELETE", f"/api/v1/tokens/{token['id']}")
        assert status in (200, 204), text
        assert server.ask("POST", "/loki/api/v1/push", {"streams": [{"stream": {}, "values": [[str(time.time_ns()), "sent too late"]]}]}, token=server.ingest)[0] == 204
        assert until("the end of the tail", lambda: socket.recv_data()[0] == 8)
        other = create_connection(address, header=[f"Authorization: Bearer {server.partner}"], timeout=30)
        assert other.recv()
        # An open tail does not keep the server from stopping.
        server.stop()


def grammar(_binary, node):
    """What the documents say is supported is LogQL to Grafana's grammar, too."""
    run = subprocess.run(["node", "logql.mjs"], cwd=node, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


TESTS = [of_client, of_grafana, following, grammar]
