"""OTLP from the OpenTelemetry SDKs: Python's (protobuf, gzip) in this process, Node's (protobuf and JSON) as a process."""

import json
import subprocess
import threading
import time

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from server import Server, same, until


def provider(server, token=None, timeout=300, batch=64):
    headers = {"Authorization": f"Bearer {token or server.ingest}"}
    exporter = OTLPLogExporter(endpoint=f"{server.url}/v1/logs", headers=headers, compression=Compression.Gzip, timeout=timeout)
    logs = LoggerProvider(resource=Resource.create({"service.name": "sms", "module": "not-mine"}), shutdown_on_exit=False)
    logs.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=100, max_export_batch_size=batch, max_queue_size=100_000))
    return logs


def emit(logger, body, number=SeverityNumber.INFO, **attributes):
    now = time.time_ns()
    logger.emit(LogRecord(timestamp=now, observed_timestamp=now, severity_number=number, severity_text=number.name, body=body, attributes=attributes))


def python_sdk(binary, _node):
    with Server(binary) as server:
        logs = provider(server)
        logger = logs.get_logger("tests.otlp", "1.0")
        for number in range(500):
            emit(logger, f"good {number}", **{"http.route": "/v1", "n": number, "list": [1, 2], "password": "hunter2secret"})
        # Bad lines: no body, a foreign line as body, a map, what is over every limit.
        emit(logger, "")
        emit(logger, '{"level":"error","message":"a line of its own","request_id":"r-77"}', SeverityNumber.DEBUG)
        emit(logger, {"message": "from a map", "deep": {"a": {"b": [1, None, "x"]}}})
        emit(logger, "x" * 300_000, **{f"k{number}": "v" for number in range(100)})
        logs.force_flush()
        logs.shutdown()
        same(server.messages("good"), sorted(f"good {number}" for number in range(500)))
        row = server.rows('"good 7"')[0]
        assert row["verdict"] == "repaired" and set(row["problems"]) == {"reserved_key", "secret_redacted"}, row
        attributes = row["attributes"]
        assert (attributes["http.route"], attributes["n"], attributes["service.name"], attributes["scope"]["name"]) == ("/v1", 7, "sms", "tests.otlp"), row
        assert "hunter2secret" not in json.dumps(row) and (row["level"], row["module"], row["instance"]) == ("info", "sms", "sms-434"), row
        line = server.rows("request_id:r-77")[0]
        assert (line["message"], line["level"]) == ("a line of its own", "error"), line
        assert server.rows('"from a map"')[0]["attributes"]["deep"] == {"a": {"b": [1, None, "x"]}}
        assert "too_long" in server.rows("problem:too_long")[0]["problems"]
        assert server.metric('martlog_door_lines_total{door="otlp"') == 504


def python_sdk_over_a_restart(binary, _node):
    """The server is killed while an export is under way: the SDK tries again, nothing is lost, and what is doubled is at most what was under way."""
    with Server(binary) as server:
        logs = provider(server, batch=32)
        logger = logs.get_logger("tests.restart")

        def restart():
            time.sleep(0.4)
            server.kill()
            time.sleep(0.3)
            server.start()

        away = threading.Thread(target=restart)
        away.start()
        for number in range(1_000):
            emit(logger, f"over {number}")
            time.sleep(0.001)
        away.join()
        logs.force_flush(300_000)
        logs.shutdown()
        found = server.messages("over")
        same(sorted(set(found)), sorted(f"over {number}" for number in range(1_000)))
        assert len(found) - len(set(found)) <= 32, "an export at most is stored twice"


def too_large_and_too_fast(binary, _node):
    """413 is final, and the SDK goes on with the next batch; 429 makes it wait, and nothing is lost."""
    with Server(binary, '[serve.otlp]\nbody-max = "1MiB"\nrate = "50KiB"') as server:
        logs = provider(server, batch=8)
        logger = logs.get_logger("tests.limits")
        begun = time.monotonic()
        emit(logger, "y" * 1_500_000)
        logs.force_flush()
        emit(logger, "after the large one")
        logs.force_flush()
        assert time.monotonic() - begun < 20, "no endless retry"
        same(server.messages('"after the large one"'), ["after the large one"])
        for number in range(48):
            emit(logger, f"fast {number} " + "z" * 30_000)
        logs.force_flush(120_000)
        logs.shutdown()
        same(sorted(text.split(" z")[0] for text in server.messages("fast")), sorted(f"fast {number}" for number in range(48)))
        assert server.metric('martlog_door_later_total{door="otlp"') > 0, "nothing was too fast"
        assert server.metric('martlog_door_refused_total{door="otlp"') == 1


def node_sdk(binary, node):
    """Protobuf and JSON; warnings come back as a partial success, and a restart costs nothing."""
    with Server(binary) as server:
        for encoding in ("proto", "http"):
            run = subprocess.Popen(["node", "otel.mjs", encoding, f"{server.url}/v1/logs", server.ingest], cwd=node, stdout=subprocess.PIPE, text=True)
            assert run.stdout.readline().strip() == "half"
            server.kill()
            time.sleep(0.3)
            server.start()
            told = run.stdout.read()
            assert run.wait(timeout=600) == 0, told
            found = server.messages(f"encoding:{encoding} node")
            same(sorted(set(found)), sorted(f"node {number}" for number in range(400)))
            row = server.rows(f"encoding:{encoding} n:399")[0]
            assert row["attributes"]["service.name"] == "node-sms" and row["level"] == "warn", row
            assert "missing_level" in told, f"the warning did not arrive: {told}"


TESTS = [python_sdk, python_sdk_over_a_restart, too_large_and_too_fast, node_sdk]
