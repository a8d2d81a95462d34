"""Requests that are wrong below the multipart body: lengths, chunks, encodings, methods, pace."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

from tests.hostile.raw_http import Exchange, pieces, request, song_part, upload
from tests.hostile.urls_and_headers import addresses, headers

API = "/api/v1/analyses"
_TYPE = b"Content-Type: multipart/form-data; boundary=xSORIx"
_CHUNKED = b"Transfer-Encoding: chunked"


def _chunks(data: bytes, size: int, extension: bytes = b"") -> bytes:
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(one), extension, one) for one in cut) + b"0\r\n\r\n"


def _body(song: bytes) -> bytes:
    return song_part(song) + b"--xSORIx--\r\n"


def lengths(song: bytes) -> Iterator[Exchange]:
    body = _body(song)
    for number, length in enumerate(
        (b"0", b"1", b"-1", b"+5", b"0x10", b"1e3", b"9" * 30, b"5, 5", b"5, 6", b" ", b"\xb2", b"99999999999", b"1_0")
    ):
        data = request("POST", API, _TYPE, body=body, length=length)
        yield Exchange("length", str(number), (data,), hang_up=True, may_be_unanswered=True)
    for twice in ((b"5", b"6"), (b"%d" % len(body),) * 2):
        headers = [b"Content-Length: " + one for one in twice]
        yield Exchange(
            "length",
            f"twice-{twice[0]!r}",
            (request("POST", API, _TYPE, *headers, body=body, length=b""),),
            hang_up=True,
            may_be_unanswered=True,
        )
    for missing in (1, 100, len(body) - 10):
        data = request("POST", API, _TYPE, body=body)
        yield Exchange("length", f"short-{missing}", (data[:-missing],), hang_up=True, may_be_unanswered=True)
    yield Exchange(
        "length",
        "too-large",
        (request("POST", API, _TYPE, body=body, length=b"900000000"),),
        hang_up=True,
        may_be_unanswered=True,
        expected=(413, 400),
    )
    yield Exchange("length", "none", (request("POST", API, _TYPE, length=b""),))
    yield Exchange("length", "with-get", (request("GET", "/", body=body),))


def chunks(song: bytes) -> Iterator[Exchange]:
    body = _body(song)

    def send(name: str, data: bytes, *headers: bytes) -> Exchange:
        whole = request("POST", API, _TYPE, _CHUNKED, *headers, length=b"") + data
        return Exchange("chunk", name, (whole,), hang_up=True, may_be_unanswered=True)

    for size in (1, 7, 1000, 100_000):
        yield send(f"size-{size}", _chunks(body[:3000] + body[-20:] if size < 10 else body, size))
    yield send("extension", _chunks(body, 500, b";" + b"a=b;" * 900))
    yield send("long-extension", _chunks(body, 500, b";" + b"a" * 100_000))
    yield send("no-end", _chunks(body, 1000)[:-5])
    yield send("trailer", _chunks(body, 1000)[:-2] + b"X-After: 1\r\n\r\n")
    yield send("trailer-flood", _chunks(body, 1000)[:-2] + b"X-After: 1\r\n" * 20_000 + b"\r\n")
    for size in (b"-1", b"+5", b"0x5", b"g", b"", b" 5", b"5 ", b"ffffffffffffffffff", b"7fffffff", b"5\n", b"\0"):
        yield send(f"hex-{size!r}", size + b"\r\nabcde\r\n0\r\n\r\n")
    yield send("with-length", _chunks(body, 1000), b"Content-Length: 5")
    yield send("with-length-0", _chunks(body, 1000), b"Content-Length: 0")
    for coding in (
        b"identity",
        b"gzip",
        b"gzip, chunked",
        b"chunked, chunked",
        b"xchunked",
        b"\x0bchunked",
        b"chunked;q=1",
    ):
        data = request("POST", API, _TYPE, b"Transfer-Encoding: " + coding, length=b"") + _chunks(body, 999)
        yield Exchange("chunk", f"coding-{coding!r}", (data,), hang_up=True, may_be_unanswered=True)
    smuggled = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    yield send("smuggle", smuggled, b"Content-Length: 4")
    yield send("large", _chunks(song_part(b"\0" * 3_000_000), 65_536))


def encodings(song: bytes) -> Iterator[Exchange]:
    """Compressed bodies: the server never decompresses them, so no bomb can expand."""
    body, bomb = _body(song), gzip.compress(bytes(20_000_000), mtime=0)
    for coding in (b"gzip", b"deflate", b"br", b"zstd", b"identity", b"x", b"gzip, gzip", b""):
        for name, packed in (("gzip", gzip.compress(body, mtime=0)), ("zlib", zlib.compress(body)), ("bomb", bomb)):
            data = request("POST", API, _TYPE, b"Content-Encoding: " + coding, body=packed)
            yield Exchange("encoding", f"{coding!r}-{name}", (data,))
    yield Exchange("encoding", "song-in-gzip", (upload(song_part(gzip.compress(song, mtime=0))),), expected=(422,))
    yield Exchange("encoding", "bomb-as-song", (upload(song_part(bomb)),), expected=(422,))


def methods() -> Iterator[Exchange]:
    paths = ("/", API, "/a/x", f"{API}/x", "/language/ko", "/static/none", "/healthz")
    for method in (
        b"PUT",
        b"PATCH",
        b"DELETE",
        b"TRACE",
        b"CONNECT",
        b"OPTIONS",
        b"HEAD",
        b"PROPFIND",
        b"get",
        b"A" * 300,
    ):
        for path in paths:
            yield Exchange(
                "method", f"{method[:9].decode()} {path}", (request(method, path),), may_be_unanswered=method.islower()
            )
    for line in (
        b"",
        b"\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"\0\0\0\0",
        b"\x16\x03\x01\x02\0\x01\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"GET / HTTP/1.1\n\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"x" * 100_000,
        b"\xff" * 5000,
        b"GET / HTTP/1.1\r\nHost",
    ):
        yield Exchange("method", f"line-{line[:20]!r}", (line,), hang_up=True, may_be_unanswered=True)
    two = request("GET", "/").replace(b"close", b"keep-alive")
    yield Exchange("method", "pipelined", (two * 20 + request("GET", "/"),))


def slow(song: bytes) -> Iterator[Exchange]:
    data = upload(song_part(song))
    yield Exchange("slow", "head", pieces(data, 9), pause=0.05)
    yield Exchange("slow", "body", (data[:300], *pieces(data[300:], 2000, 10)), pause=0.1)
    yield Exchange("slow", "expect", (request("POST", API, _TYPE, b"Expect: 100-continue", body=_body(song)),))
    yield Exchange("slow", "leaves-in-head", (data[:60],), pause=0.1, hang_up=True, may_be_unanswered=True)
    yield Exchange("slow", "leaves-in-body", (data[:5000],), pause=0.1, hang_up=True, may_be_unanswered=True)
    for cut in (200, 300, 400, 1000, 20_000):
        yield Exchange("slow", f"breaks-{cut}", (data[:cut],), hang_up=True, may_be_unanswered=True)


def transports(song: bytes) -> Iterator[Exchange]:
    for family in (lengths(song), chunks(song), encodings(song), methods(), addresses(), headers(), slow(song)):
        yield from family
