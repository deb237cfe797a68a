"""NDJSON with an Idempotency-Key over kills: the same request again and again, until it is answered, stores once."""

import json
import random
import threading
import time
import urllib.error

from server import Server, same


def exactly_once_over_kills(binary, _node):
    with Server(binary) as server:
        stop = threading.Event()
        answers = {}

        def push(worker):
            number = 0
            while not stop.is_set():
                key = f"{worker}-{number}"
                body = "".join(json.dumps({"level": "info", "message": f"once {key} {line}"}) + "\n" for line in range(5)).encode()
                while key not in answers:
                    try:
                        headers = {"Idempotency-Key": key, "Content-Type": "application/x-ndjson"}
                        status, _, text = server.ask("POST", "/api/v1/ingest", body, token=server.ingest, headers=headers)
                    except (OSError, urllib.error.URLError, ConnectionError):
                        time.sleep(0.02)
                        continue
                    if status == 200:
                        answers[key] = text
                    else:
                        assert status in (409, 429, 503), (status, text)
                        time.sleep(0.02)
                number += 1

        workers = [threading.Thread(target=push, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()
        chance = random.Random()
        for _ in range(8):
            time.sleep(chance.uniform(0.2, 0.8))
            server.kill()
            server.start()
        stop.set()
        for worker in workers:
            worker.join()
        same(server.messages("once"), sorted(f"once {key} {line}" for key in answers for line in range(5)))
        # Every one of them again, after another kill: the same answer, nothing new.
        server.kill()
        server.start()
        for key, told in answers.items():
            body = "".join(json.dumps({"level": "info", "message": f"once {key} {line}"}) + "\n" for line in range(5)).encode()
            status, _, text = server.ask("POST", "/api/v1/ingest", body, token=server.ingest, headers={"Idempotency-Key": key})
            assert (status, text) == (200, told), (status, text)
        same(server.messages("once"), sorted(f"once {key} {line}" for key in answers for line in range(5)))
        print(f"    {len(answers)} keys over 9 kills")


TESTS = [exactly_once_over_kills]
