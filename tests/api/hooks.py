"""What schemathesis does not do by itself: every line of an NDJSON answer fits the document's schema of a line."""

import json
import os

import jsonschema_rs
import schemathesis

with open(os.environ["MARTLOG_OPENAPI"], encoding="utf-8") as file:
    DOCUMENT = json.load(file)

NDJSON = "application/x-ndjson"


@schemathesis.deserializer(NDJSON)
def last_line(context, response):
    """The summary: schemathesis holds it against the schema; `lines_conform` does so with all of them."""
    return json.loads(response.content.decode().rstrip("\n").rsplit("\n", 1)[-1])


@schemathesis.serializer(NDJSON)
def lines(context, value):
    """A body of lines is any text."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.check
def lines_conform(context, response, case):
    if not response.headers.get("content-type", [""])[0].startswith(NDJSON):
        return
    content = case.operation.definition.raw["responses"]["200"]["content"][NDJSON]
    validator = jsonschema_rs.validator_for({**content["schema"], "components": DOCUMENT["components"]})
    lines = [json.loads(line) for line in response.content.decode().splitlines()]
    for line in lines:
        for error in validator.iter_errors(line):
            raise AssertionError(f"{error.message} in the line {json.dumps(line)[:500]}")
    if not lines or not ({"summary", "manifest", "error"} & lines[-1].keys()):
        raise AssertionError("the answer ends without a summary, a manifest or an error")
