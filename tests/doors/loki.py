"""Loki's push from a handler of Python's logging (JSON, basic authentication) and from winston-loki (protobuf in snappy)."""

import json
import logging
import subprocess
import time

from logging_loki import LokiHandler

from server import Server, same


def handler(server, **tags):
    return LokiHandler(url=f"{server.url}/loki/api/v1/push", auth=("anybody", server.ingest), tags=tags)


def logger_of(name, *handlers):
    logger = logging.Logger(name, logging.DEBUG)
    for each in handlers:
        logger.addHandler(each)
    return logger


def python_handler(binary, _node):
    with Server(binary) as server:
        logger = logger_of("loki", handler(server, app="sms", module="not-mine"))
        for number in range(200):
            logger.warning("good %d", number, extra={"tags": {"n": str(number)}})
        logger.error('{"level":"debug","message":"a line of its own","request_id":"r-5"}')
        logger.info("")
        logger.info("broken \udcff surrogate and token=hunter2secret")
        same(server.messages("good"), sorted(f"good {number}" for number in range(200)))
        row = server.rows("n:7")[0]
        assert (row["level"], row["module"], row["attributes"]["app"], row["attributes"]["module"]) == ("warn", "sms", "sms", "not-mine"), row
        assert row["verdict"] == "raw" and set(row["problems"]) == {"not_json", "reserved_key"}, row
        line = server.rows("request_id:r-5")[0]
        assert (line["message"], line["level"]) == ("a line of its own", "debug"), line
        assert "hunter2secret" not in json.dumps(server.rows("surrogate"))
        assert len(server.rows()) == 203
        # 413: the handler tells its program, once, and goes on.
        told = []
        loud = handler(server)
        loud.handleError = told.append
        logger = logger_of("large", loud)
        logger.info("x" * (17 << 20))
        logger.info("after the large one")
        assert len(told) == 1
        same(server.messages('"after the large one"'), ["after the large one"])


def too_fast(binary, _node):
    with Server(binary, '[serve.loki]\nrate = "20KiB"') as server:
        told = []
        loud = handler(server)
        loud.handleError = told.append
        logger = logger_of("fast", loud)
        for number in range(12):
            logger.info("fast %d %s", number, "z" * 30_000)
        assert told, "nothing was too fast"
        # What was answered with 204 is there, and nothing else.
        assert len(server.messages("fast")) == 12 - len(told)
        status, headers, body = server.ask("POST", "/loki/api/v1/push", {"streams": []}, token=server.ingest)
        assert status == 429 and int(headers["Retry-After"]) >= 1 and body.startswith(b"over_rate: "), (status, body)


def winston(binary, node):
    """Batches in protobuf, kept while the server is away."""
    with Server(binary) as server:
        run = subprocess.Popen(["node", "loki.mjs", server.url, server.ingest], cwd=node, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert run.stdout.readline().strip() == "half"
        server.kill()
        run.stdin.write("away\n")
        run.stdin.flush()
        time.sleep(1)
        server.start()
        told = run.communicate(timeout=600)[0]
        assert run.returncode == 0, told
        found = server.messages("winston")
        same(sorted(set(found)), sorted(f"winston {number}" for number in range(300)))
        assert len(found) - len(set(found)) <= 150, "a batch at most is stored twice"
        row = server.rows('"winston 299"')[0]
        assert row["attributes"]["job"] == "node" and row["level"] == "info", row


TESTS = [python_handler, too_fast, winston]
