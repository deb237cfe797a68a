"""The bulk API from Elasticsearch's own Python client and its helpers, and what shippers ask before they send."""

import json
import time

from elasticsearch import Elasticsearch
from elasticsearch.helpers import BulkIndexError, bulk, parallel_bulk, streaming_bulk

from server import Server, same


def client(server, **more):
    return Elasticsearch(server.url, api_key=("id", server.ingest), http_compress=True, **more)


def actions(word, count, **more):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for number in range(count):
        yield {"_op_type": "create", "_index": "logs-sms", "_source": {"@timestamp": now, "log": {"level": "warning"}, "message": f"{word} {number}", "n": number, **more}}


def python_client(binary, _node):
    with Server(binary) as server:
        with client(server) as elastic:
            assert elastic.info()["version"]["number"].split(".")[0] == "9"
            stored, errors = bulk(elastic, actions("good", 1_000, host={"name": "h"}))
            assert (stored, errors) == (1_000, [])
            assert sum(ok for ok, _ in parallel_bulk(elastic, actions("parallel", 600), thread_count=3, chunk_size=50)) == 600
            try:
                bulk(elastic, [{"_op_type": "index", "_index": "a", "_id": "1", "_source": {"message": "kept beside a refusal"}}, {"_op_type": "delete", "_index": "a", "_id": "1"}])
                raise AssertionError("a delete was taken")
            except BulkIndexError as refused:
                assert [next(iter(error)) for error in refused.errors] == ["delete"]
            # Bad lines: no JSON where a document should be, an action that is none.
            answer = elastic.perform_request("POST", "/_bulk", headers={"accept": "application/json", "content-type": "application/x-ndjson"},
                                             body='{"index":{}}\nno json at all\n{"message":"without an action"}\n'.encode())
            assert answer["errors"] is False and len(answer["items"]) == 2, answer
        same(server.messages("good"), sorted(f"good {number}" for number in range(1_000)))
        same(server.messages("parallel"), sorted(f"parallel {number}" for number in range(600)))
        row = server.rows('"good 7"')[0]
        assert (row["verdict"], row["level"], row["attributes"]["host"], row["attributes"]["_index"]) == ("ok", "warn", {"name": "h"}, "logs-sms"), row
        assert server.rows('"no json at all"')[0]["verdict"] == "raw"
        assert len(server.rows('"without an action"')) == 1 and len(server.rows('"beside a refusal"')) == 1


def limits_and_a_restart(binary, _node):
    with Server(binary, '[serve.elasticsearch]\nbody-max = "1MiB"\nrate = "100KiB"') as server:
        with client(server, max_retries=10, retry_on_timeout=True, retry_on_status=(429, 502, 503, 504)) as elastic:
            refused = list(streaming_bulk(elastic, [{"_index": "a", "_source": {"message": "x" * (2 << 20)}}], raise_on_error=False, raise_on_exception=False))
            assert [ok for ok, _ in refused] == [False] and refused[0][1]["index"]["status"] == 413, refused
            too_fast = [ok for ok, _ in streaming_bulk(elastic, actions("fast", 60, filler="z" * 30_000), chunk_size=10, max_retries=20, initial_backoff=1)]
            assert too_fast == [True] * 60
            same(server.messages("fast"), sorted(f"fast {number}" for number in range(60)))
            assert server.metric('martlog_door_later_total{door="elasticsearch"') > 0, "nothing was too fast"
    with Server(binary) as server:
        with client(server, max_retries=40, retry_on_timeout=True) as elastic:
            for round_ in range(4):
                assert bulk(elastic, actions(f"round{round_}", 100))[0] == 100
                server.kill()
                server.start()
        for round_ in range(4):
            same(server.messages(f"round{round_}"), sorted(f"round{round_} {number}" for number in range(100)))


def handshakes(binary, _node):
    """What Filebeat, Logstash, Vector and Fluent Bit ask, with the credentials that they can send; and the page is where it was."""
    with Server(binary) as server:
        asked = [("GET", "/"), ("HEAD", "/"), ("GET", "/_license"), ("GET", "/_xpack"), ("GET", "/_cluster/health"), ("GET", "/_nodes/http"),
                 ("GET", "/_ilm/policy/filebeat"), ("PUT", "/_ilm/policy/filebeat"), ("HEAD", "/_index_template/filebeat-9.1.0"), ("PUT", "/_index_template/ecs-logstash"),
                 ("HEAD", "/_template/logstash"), ("GET", "/_data_stream/filebeat-9.1.0"), ("GET", "/_alias/filebeat"), ("GET", "/_ingest/pipeline/x")]
        for method, path in asked:
            status, headers, _ = server.ask(method, path, token=server.ingest)
            assert status == 200 and headers["X-Elastic-Product"] == "Elasticsearch", (method, path, status)
            status, _, body = server.ask(method, path, token="mart_ingest_wrong")
            assert status == 401 and (method == "HEAD" or json.loads(body)["error"]["type"] == "security_exception"), (method, path, status)
        status, headers, _ = server.ask("GET", "/", headers={"Authorization": ""})
        assert status in (200, 401), status
        import urllib.request
        with urllib.request.urlopen(server.url, timeout=10) as page:
            assert page.headers["Content-Type"].startswith("text/html")


TESTS = [python_client, limits_and_a_restart, handshakes]
