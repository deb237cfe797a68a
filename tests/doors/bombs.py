"""Bodies that unfold without end, many at once at every door: refused, with flat memory; and lines go on coming in beside them."""

import gzip
import threading

from server import Server, same

UNFOLDED = 512 << 20
AT_ONCE = 24
PEAK_MIB_MAX = 512


def zstd_bomb():
    """Blocks of one byte, repeated: four bytes stand for 128 KiB."""
    block = (131_072 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    last = (1 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"
    return bytes.fromhex("28b52ffd0050") + block * (UNFOLDED >> 17) + last


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


def snappy_bomb(length=UNFOLDED):
    """A zero, and copies of 64 bytes of what is there: three bytes stand for 64."""
    return varint(length) + b"\0\0" + b"\xfe\x01\x00" * (length // 64)


def repeating_otlp():
    """A resource of a megabyte that a hundred thousand empty records share."""
    resource = field(1, field(1, field(1, b"a") + field(2, field(1, b"x" * 250_000))))
    return field(1, resource + field(2, field(2, b"") * 100_000))


def peak_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) >> 10


def flat_memory(binary, _node):
    zeros = gzip.compress(bytes(UNFOLDED), compresslevel=9)
    zstd, otlp, snappy = zstd_bomb(), repeating_otlp(), snappy_bomb(14 << 20)
    json, proto, lines = "application/json", "application/x-protobuf", "application/x-ndjson"
    bombs = [
        ("/api/v1/ingest", lines, "gzip", zeros), ("/v1/logs", proto, "gzip", zeros), ("/loki/api/v1/push", json, "gzip", zeros), ("/_bulk", lines, "gzip", zeros),
        ("/api/v1/ingest", lines, "zstd", zstd), ("/v1/logs", json, "zstd", zstd), ("/_bulk", lines, "zstd", zstd),
        ("/loki/api/v1/push", proto, "snappy", varint(4 << 30) + b"\0\0"), ("/loki/api/v1/push", proto, "", snappy), ("/v1/logs", proto, "", otlp),
        ("/v1/logs", json, "", b'{"resourceLogs":' + b"[" * 1_000_000), ("/loki/api/v1/push", json, "", b'{"streams":[' + b"{}," * 4_000_000 + b"{}]}"),
        ("/_bulk", lines, "", b'{"delete":{}}\n' * 500_000), ("/api/v1/ingest", lines, "", b"{}\n" * 5_000_000),
    ]
    with Server(binary) as server:
        before, wrong = peak_mib(server), []

        def throw(path, kind, encoding, body):
            headers = {"Content-Type": kind, **({"Content-Encoding": encoding} if encoding else {})}
            try:
                status, _, text = server.ask("POST", path, body, token=server.ingest, headers=headers)
            except OSError:
                # The connection was closed before all of it was sent: refused as well.
                return
            # A body of nothing but empty streams is none of the bombs: it is taken.
            if status not in (400, 413, 503) and not (status == 204 and body.startswith(b'{"streams"')):
                wrong.append((path, kind, encoding, status, text[:200]))

        for bomb in bombs:
            throwing = [threading.Thread(target=throw, args=bomb) for _ in range(AT_ONCE)]
            for thread in throwing:
                thread.start()
            status, _, _ = server.ask("POST", "/api/v1/ingest", b"beside the bombs", token=server.ingest, headers={"Content-Type": "text/plain"})
            assert status in (200, 503), status
            for thread in throwing:
                thread.join()
        assert not wrong, wrong
        peak = peak_mib(server)
        print(f"    {len(bombs)} kinds, {AT_ONCE} at once each: {before} MiB before, {peak} MiB at the peak")
        assert peak < PEAK_MIB_MAX, f"{peak} MiB"
        assert set(server.messages("*")) <= {"beside the bombs"}
        status, _, _ = server.ask("POST", "/api/v1/ingest", b"afterwards", token=server.ingest, headers={"Content-Type": "text/plain"})
        assert status == 200
        same(server.messages("afterwards"), ["afterwards"])


TESTS = [flat_memory]
