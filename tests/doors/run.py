"""Real clients against a real server, door by door: good lines, bad lines, bodies that are too large, 429, and a restart in the middle.

Usage: run.py MARTLOG NODE_FOLDER [WORD]: the folder has the scripts of this one and their packages; with a word only tests whose names have it.
"""

import pathlib
import shutil
import sys
import time
import traceback

import bombs
import conformance
import elastic
import loki
import loki_read
import ndjson
import otlp
import syslog

HERE = pathlib.Path(__file__).resolve().parent


def main():
    binary, node, *words = sys.argv[1:]
    for script in [*HERE.glob("*.mjs"), HERE / "logql.txt"]:
        shutil.copy(script, node)
    passed, failed = 0, 0
    for module in (ndjson, otlp, loki, loki_read, elastic, syslog, bombs, conformance):
        for test in module.TESTS:
            name = f"{module.__name__}.{test.__name__}"
            if words and not any(word in name for word in words):
                continue
            begun = time.monotonic()
            try:
                test(binary, node)
                passed += 1
                print(f"ok      {name} {time.monotonic() - begun:.1f} s", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
