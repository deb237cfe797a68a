"""Requests and answers field by field, against what the protocols' owners publish: OTLP's protobuf messages and google.rpc.Status (PyPI), Elasticsearch's types (npm, compiled with
TypeScript), Loki's page of its HTTP API (https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs) and push.proto, transcribed.

Every field that a message has is set in a request, and what becomes of it is looked at; a field that a newer version of the package brings fails the test until somebody has decided what becomes of it.
"""

import json
import pathlib
import subprocess
import time

import snappy
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.unknown_fields import UnknownFieldSet
from google.rpc import status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from server import Server

PROTOBUF, JSON = "application/x-protobuf", "application/json"
TRACE, SPAN = bytes(range(16)), bytes(range(8))


def fill(any_value, depth=0):
    """A value of every kind in a list in a map."""
    kinds = any_value.kvlist_value.values
    for name, value in {"string_value": "text", "bool_value": True, "int_value": -(2**53), "double_value": 0.5, "bytes_value": b"\x00\xff"}.items():
        setattr(kinds.add(key=name).value, name, value)
    kinds.add(key="array_value").value.array_value.values.add().string_value = "of a list"
    kinds.add(key="kvlist_value").value.kvlist_value.values.add(key="deep").value.int_value = 7
    kinds.add(key="nothing").value.SetInParent()


def request():
    export = ExportLogsServiceRequest()
    resource_logs = export.resource_logs.add(schema_url="https://opentelemetry.io/schemas/1.37.0")
    resource = resource_logs.resource
    resource.dropped_attributes_count = 2
    resource.attributes.add(key="service.name").value.string_value = "sms"
    resource.attributes.add(key="same").value.string_value = "the resource's"
    reference = resource.entity_refs.add(schema_url="https://opentelemetry.io/schemas/1.37.0", type="service")
    reference.id_keys.append("service.name")
    reference.description_keys.append("same")
    scope_logs = resource_logs.scope_logs.add(schema_url="https://opentelemetry.io/schemas/1.36.0")
    scope = scope_logs.scope
    scope.name, scope.version, scope.dropped_attributes_count = "conformance", "1.2", 3
    scope.attributes.add(key="of").value.string_value = "scope"
    now = time.time_ns()
    record = scope_logs.log_records.add(time_unix_nano=now, observed_time_unix_nano=now + 1_000_000, severity_number=17, severity_text="ERROR", dropped_attributes_count=4, flags=1)
    record.trace_id, record.span_id, record.event_name = TRACE, SPAN, "payment.refused"
    record.body.string_value = "every field is set"
    record.attributes.add(key="same").value.string_value = "the record's"
    fill(record.attributes.add(key="kinds").value)
    return export, now


# Of kinds of which one message has one: each is set in another place.
ONEOF = {"AnyValue"}
# Marked as in development: what a later version of the package may have, and what is not sent over HTTP.
NOT_SENT = {"string_value_strindex", "key_strindex"}


def every_field_is_set(message, path=""):
    for field in message.DESCRIPTOR.fields:
        if message.DESCRIPTOR.name in ONEOF or field.name in NOT_SENT:
            continue
        value = getattr(message, field.name)
        is_set = len(value) > 0 if field.is_repeated else message.HasField(field.name) if field.has_presence else bool(value)
        assert is_set, f"{path}.{field.name} is not set: decide what becomes of it"
    for field, value in message.ListFields():
        for part in value if field.is_repeated else [value]:
            if field.message_type:
                every_field_is_set(part, f"{path}.{field.name}")


def as_otlp_json(export):
    """OTLP's JSON is protobuf's, but for ids in hex and enums as numbers."""
    value = json_format.MessageToDict(export, use_integers_for_enums=True)
    record = value["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record["traceId"], record["spanId"] = TRACE.hex(), SPAN.hex()
    return json.dumps(value).encode()


def otlp_fields(binary, _node):
    export, now = request()
    every_field_is_set(export)
    kinds = {"string_value": "text", "bool_value": True, "int_value": -(2**53), "double_value": 0.5, "bytes_value": "AP8=", "array_value": ["of a list"], "kvlist_value": {"deep": 7}, "nothing": None}
    any_value = {field.name for field in ExportLogsServiceRequest().resource_logs.add().resource.attributes.add().value.DESCRIPTOR.fields}
    assert any_value - NOT_SENT <= kinds.keys(), f"a kind of value that is not tried: {any_value}"
    with Server(binary) as server:
        for content, body in ((PROTOBUF, export.SerializeToString()), (JSON, as_otlp_json(export))):
            status, headers, answer = server.ask("POST", "/v1/logs", body, server.ingest, {"Content-Type": content})
            assert (status, headers["Content-Type"], strict(ExportLogsServiceResponse, answer, content)) == (200, content, ExportLogsServiceResponse()), answer
        rows = server.rows('"every field is set"')
        assert len(rows) == 2, rows
        for row in rows:
            attributes = row["attributes"]
            assert (row["level"], row["verdict"], row.get("problems", [])) == ("error", "ok", []), row
            assert abs(nanoseconds(row["time"]) - now) < 1_000, (row["time"], now)
            expected = {
                "severity_text": "ERROR", "trace_id": TRACE.hex(), "span_id": SPAN.hex(), "trace_flags": 1, "event_name": "payment.refused", "dropped_attributes_count": 4,
                "service.name": "sms", "same": "the record's", "kinds": kinds,
            }
            for name, value in expected.items():
                assert attributes[name] == value, (name, attributes)
            assert attributes["resource"]["same"] == "the resource's", attributes
            assert attributes["scope"] == {"name": "conformance", "version": "1.2", "attributes": {"of": "scope"}}, attributes
        assert rows[0]["attributes"] == rows[1]["attributes"], "protobuf and JSON say the same"


def nanoseconds(text):
    from datetime import datetime
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6) * 1_000


def strict(kind, body, content):
    """A message with nothing in it that its schema does not have."""
    if content == JSON:
        return json_format.Parse(body, kind())
    message = kind.FromString(body)
    assert len(UnknownFieldSet(message)) == 0, body
    return message


def otlp_answers(binary, _node):
    """A partial success that rejects nothing and warns, and each error as a google.rpc.Status, in the encoding of the request."""
    export, _ = request()
    record = export.resource_logs[0].scope_logs[0].log_records[0]
    record.severity_number, record.severity_text = 0, ""
    bodies = {PROTOBUF: export.SerializeToString(), JSON: as_otlp_json(export)}
    record.body.string_value = "x" * 60_000
    large = {PROTOBUF: export.SerializeToString(), JSON: as_otlp_json(export)}
    config = '[serve.otlp]\nbody-max = "512KiB"\nrate = "100KiB"\n'
    for content, body in bodies.items():
        with Server(binary, config) as server:
            def post(body, token=None, **headers):
                status, answered, answer = server.ask("POST", "/v1/logs", body, token or server.ingest, {"Content-Type": content, **headers})
                assert answered["Content-Type"] == content, answered
                return status, answered, answer
            status, _, answer = post(body)
            warned = strict(ExportLogsServiceResponse, answer, content).partial_success
            assert (status, warned.rejected_log_records) == (200, 0) and warned.error_message, answer
            cases = [
                (400, 3, post(b"\xff\xff\xff")),
                (400, 3, post(b"\xff\xff\xff", **{"Content-Encoding": "gzip"})),
                (401, 16, post(body, "mart_ingest_wrong")),
                (403, 7, post(body, server.partner)),
                (413, 3, post(b"\n" * (600 << 10))),
            ]
            too_fast = [post(large[content]) for _ in range(40)]
            refused = [answer for answer in too_fast if answer[0] == 429]
            assert refused and all(headers["Retry-After"] for _, headers, _ in refused), "nothing was too fast"
            cases.append((429, 8, refused[0]))
            for expected, code, (status, _, answer) in cases:
                told = strict(status_pb2.Status, answer, content)
                assert (status, told.code) == (expected, code) and told.message, (expected, status, told)
    with Server(binary, "[serve.otlp]\non = false") as server:
        status, _, answer = server.ask("POST", "/v1/logs", bodies[JSON], server.ingest)
        assert (status, strict(status_pb2.Status, answer, JSON).code) == (404, 5), answer


def push_messages():
    """logproto.PushRequest, with the numbers of https://github.com/grafana/loki/blob/main/pkg/push/push.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="push.proto", package="logproto", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    messages = {
        "Timestamp": [("seconds", 1, kinds.TYPE_INT64, None, False), ("nanos", 2, kinds.TYPE_INT32, None, False)],
        "LabelPairAdapter": [("name", 1, kinds.TYPE_STRING, None, False), ("value", 2, kinds.TYPE_STRING, None, False)],
        "EntryAdapter": [
            ("timestamp", 1, kinds.TYPE_MESSAGE, "Timestamp", False), ("line", 2, kinds.TYPE_STRING, None, False),
            ("structuredMetadata", 3, kinds.TYPE_MESSAGE, "LabelPairAdapter", True), ("parsed", 4, kinds.TYPE_MESSAGE, "LabelPairAdapter", True),
        ],
        "StreamAdapter": [("labels", 1, kinds.TYPE_STRING, None, False), ("entries", 2, kinds.TYPE_MESSAGE, "EntryAdapter", True), ("hash", 3, kinds.TYPE_UINT64, None, False)],
        "PushRequest": [("streams", 1, kinds.TYPE_MESSAGE, "StreamAdapter", True), ("format", 2, kinds.TYPE_STRING, None, False)],
    }
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of, repeated in fields:
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            message.field.add(name=field, number=number, type=kind, label=label, type_name=of and f".logproto.{of}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("logproto.PushRequest"))


def loki_fields(binary, _node):
    now = time.time_ns()
    push = push_messages()(format="loki")
    stream = push.streams.add(labels='{app="sms", env="prod \\"a\\"\\n\\u0000"}', hash=77)
    entry = stream.entries.add(line="every field is set")
    entry.timestamp.seconds, entry.timestamp.nanos = divmod(now, 10**9)
    entry.structuredMetadata.add(name="trace_id", value=TRACE.hex())
    entry.structuredMetadata.add(name="detected_level", value="error")
    entry.parsed.add(name="internal", value="x")
    every_field_is_set(push)
    value = [str(now), "every field is set", {"trace_id": TRACE.hex(), "detected_level": "error"}]
    text = json.dumps({"streams": [{"stream": {"app": "sms", "env": 'prod "a"\n\u0000'}, "values": [value]}]}).encode()
    with Server(binary, '[serve.loki]\nbody-max = "512KiB"') as server:
        for content, body in ((PROTOBUF, snappy.compress(push.SerializeToString())), (JSON, text)):
            status, _, answer = server.ask("POST", "/loki/api/v1/push", body, server.ingest, {"Content-Type": content})
            assert (status, answer) == (204, b""), answer
        rows = server.rows('"every field is set"')
        assert len(rows) == 2, rows
        for row in rows:
            assert row["level"] == "error" and abs(nanoseconds(row["time"]) - now) < 1_000, row
            attributes = row["attributes"]
            assert (attributes["app"], attributes["env"], attributes["trace_id"]) == ("sms", 'prod "a"\n\u0000', TRACE.hex()), attributes
            assert "internal" not in json.dumps(row), "what only Loki's own parts tell one another is nobody's attribute"
        for expected, body, token in ((400, b"{", server.ingest), (401, text, "mart_ingest_wrong"), (403, text, server.partner), (413, b" " * (600 << 10), server.ingest)):
            status, headers, answer = server.ask("POST", "/loki/api/v1/push", body, token, {"Content-Type": JSON})
            assert status == expected and headers["Content-Type"].startswith("text/plain") and answer.strip(), (expected, status, answer)


def elasticsearch_answers(binary, node):
    """Each answer as a constant of its published type: TypeScript finds what is missing, what has another type, and what the type does not have."""
    with Server(binary) as server:
        def ask(method, path, body=None):
            headers = {"Content-Type": "application/x-ndjson"} if isinstance(body, bytes) else {}
            status, answered, answer = server.ask(method, path, body, server.ingest, headers)
            assert answered["X-Elastic-Product"] == "Elasticsearch" and answered["Content-Type"] == JSON, answered
            return status, json.loads(answer)
        actions = b'{"create":{"_index":"a"}}\n{"message":"one"}\n{"index":{"_id":"7"}}\n{"message":"two"}\n{"delete":{"_index":"a","_id":"7"}}\n{"update":{"_id":"7"}}\n{"doc":{}}\n'
        status, bulk = ask("POST", "/logs/_bulk", actions)
        items = [(kind, item["_index"], item["_id"], item["status"]) for answer in bulk["items"] for kind, item in answer.items()]
        assert (status, bulk["errors"]) == (200, True) and list(bulk) == ["took", "errors", "items"], bulk
        assert [item[:2] + item[3:] for item in items] == [("create", "a", 201), ("index", "logs", 201), ("delete", "a", 400), ("update", "logs", 400)] and items[1][2] == "7", items
        refused = ask("POST", "/_bulk", b"")
        assert refused[0] == refused[1]["status"] == 400, refused
        typed = {
            "BulkResponse": bulk, "ErrorResponseBase": refused[1], "InfoResponse": ask("GET", "/")[1], "LicenseGetResponse": ask("GET", "/_license")[1],
            "XpackInfoResponse": ask("GET", "/_xpack")[1], "ClusterHealthResponse": ask("GET", "/_cluster/health")[1], "NodesInfoResponse": ask("GET", "/_nodes/http")[1],
            "IlmPutLifecycleResponse": ask("PUT", "/_ilm/policy/filebeat", {})[1], "IndicesPutIndexTemplateResponse": ask("PUT", "/_index_template/a", {})[1],
        }
    script = pathlib.Path(node, "answers.ts")
    constants = [f"export const a{number}: estypes.{kind} = {json.dumps(value)};" for number, (kind, value) in enumerate(typed.items())]
    script.write_text('import type { estypes } from "@elastic/elasticsearch";\n' + "\n".join(constants) + "\n")
    command = ["npx", "tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--types", "", "--ignoreConfig", script.name]
    checked = subprocess.run(command, cwd=node, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # The check itself is one: a field less is found.
    script.write_text(script.read_text().replace('"took"', '"tock"'))
    assert subprocess.run(command, cwd=node, capture_output=True).returncode != 0, "the types are not looked at"


TESTS = [otlp_fields, otlp_answers, loki_fields, elasticsearch_answers]
