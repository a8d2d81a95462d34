"""Multipart bodies that are malformed, very long, repeated, nested, compressed, or cut."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.case import seeded_random
from tests.hostile.raw_http import BOUNDARY, Exchange, part, request, song_part, upload

_TYPES = (
    b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b'multipart/form-data; boundary=""',
    b"multipart/form-data; boundary=other",
    b"multipart/form-data; boundary=xSORI",
    b"multipart/form-data; boundary=xSORIx--",
    b"multipart/form-data; boundary=" + b"x" * 5000,
    b"multipart/form-data; boundary=\xff\xfe",
    b"multipart/form-data; boundary=x SORI x",
    b'multipart/form-data; boundary="xSORIx',
    b"multipart/form-data; boundary=xSORIx; boundary=y",
    b"multipart/form-data; charset=utf-7; boundary=xSORIx",
    b"multipart/form-data; boundary*=utf-8''xSORIx",
    b"multipart/mixed; boundary=xSORIx",
    b"multipart/related; boundary=xSORIx",
    b"multipart/byteranges; boundary=xSORIx",
    b"multipart/",
    b"application/x-www-form-urlencoded",
    b"application/x-www-form-urlencoded; charset=utf-16",
    b"application/json",
    b"text/plain",
    b"audio/wav",
    b"",
    b"/",
    b";" * 500,
    b"multipart/form-data;" + b" a=b;" * 2000 + b" boundary=xSORIx",
)
_DISPOSITIONS = (
    b"",
    b"form-data",
    b"attachment; name=file; filename=a.wav",
    b'form-data; filename="a.wav"',
    b'form-data; name=""; filename="a.wav"',
    b'form-data; name="file"',
    b'form-data; name="file[]"; filename="a.wav"',
    b'form-data; name="FILE"; filename="a.wav"',
    b'form-data; name="file\0"; filename="a.wav"',
    b'form-data; name="file"; name="other"; filename="a.wav"',
    b"form-data; name*=utf-8''file; filename=a.wav",
    b"form-data; " + b"a=b; " * 3000 + b'name="file"; filename="a.wav"',
    b'form-data; name="file"; filename="a.wav' + b"\\" * 3000,
    b'form-data;name="file";filename="a.wav";;;',
    b"\xff\xff\xff",
    b'form-data; name="file\r\n b"; filename="a.wav"',
)


def _shapes(song: bytes) -> Iterator[tuple[str, bytes]]:
    valid, end = song_part(song), b"--" + BOUNDARY + b"--\r\n"
    yield "no-end", upload(valid, end=b"")
    yield "half-end", upload(valid, end=end[:-4])
    yield "lf-only", upload(valid.replace(b"\r\n", b"\n"), end=end.replace(b"\r\n", b"\n"))
    yield "cr-only", upload(valid.replace(b"\r\n", b"\r"), end=end)
    yield "preamble", upload(b"words before\r\n" * 1000, valid)
    yield "epilogue", upload(valid, end, b"words after" * 1000)
    yield "end-first", upload(end, valid)
    yield "twice-ended", upload(valid, end, valid)
    yield "nothing", upload(end=b"")
    yield "only-end", upload()
    yield "no-headers", upload(b"--" + BOUNDARY + b"\r\n\r\n" + song + b"\r\n")
    yield "no-blank-line", upload(b"--" + BOUNDARY + b"\r\n" + song + b"\r\n")
    yield "no-colon", upload(b"--" + BOUNDARY + b"\r\nContent-Disposition\r\n\r\n" + song + b"\r\n")
    yield "two-songs", upload(valid, valid)
    yield "twenty-songs", upload(*[song_part(b"RIFF")] * 20)
    yield "many-songs", upload(*[song_part(b"x")] * 2000)
    yield "many-parts", upload(*[part(b'form-data; name="a"', b"b")] * 20_000, valid)
    yield "many-files", upload(*[part(b'form-data; name="other"; filename="a"', b"b")] * 1500, valid)
    yield "large-field", upload(part(b'form-data; name="a"', b"b" * 5_000_000), valid)
    yield "large-header", upload(part(b'form-data; name="a"', b"b", b"X-Other: " + b"c" * 2_000_000), valid)
    yield "many-headers", upload(part(b'form-data; name="file"; filename="a"', song, *[b"X-A: b"] * 5000))
    yield ("token-twice", upload(part(b'form-data; name="token"', b"a"), part(b'form-data; name="token"', b"b"), valid))
    yield "text-as-file", upload(part(b'form-data; name="file"', song))
    inner = part(b'form-data; name="file"; filename="b.wav"', song, boundary=b"inner") + b"--inner--\r\n"
    nested = part(b'form-data; name="file"', inner, b"Content-Type: multipart/mixed; boundary=inner")
    yield "nested", upload(nested)
    deep = song
    for level in range(100):
        deep = part(
            b'form-data; name="file"',
            deep,
            b"Content-Type: multipart/mixed; boundary=b%d" % level,
            boundary=b"b%d" % level,
        )
    yield ("deep", upload(part(b'form-data; name="file"', deep, b"Content-Type: multipart/mixed; boundary=b99")))
    for coding in (b"base64", b"quoted-printable", b"gzip", b"7bit", b"binary", b"x" * 999):
        body = part(b'form-data; name="file"; filename="a.wav"', song, b"Content-Transfer-Encoding: " + coding)
        yield f"coding-{coding[:9].decode()}", upload(body)
    for length in (b"0", b"-1", b"99999999999", b"x"):
        body = part(b'form-data; name="file"; filename="a.wav"', song, b"Content-Length: " + length)
        yield f"length-{length.decode()}", upload(body)
    yield "boundary-inside", upload(song_part(song[:99] + b"\r\n--" + BOUNDARY + b"x\r\n" + song[99:]))
    yield "almost-boundaries", upload(song_part(song + (b"\r\n--" + BOUNDARY[:-1]) * 20_000))
    yield "line-ends", upload(song_part(song + b"\r\n" * 100_000))
    yield "returns", upload(song_part(song + b"\r" * 300_000))
    yield (
        "fields-encoded",
        request("POST", "/api/v1/analyses", b"Content-Type: application/x-www-form-urlencoded", body=b"a=b&" * 50_000),
    )


def _corrupted(song: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    """A valid body with a few wrong bytes, or cut, with the correct length."""
    valid = song_part(song[:2000]) + part(b'form-data; name="token"', b"x") + b"--" + BOUNDARY + b"--\r\n"
    for number in range(count):
        rng = seeded_random("form", number)
        body = bytearray(valid)
        for _ in range(rng.choice((1, 2, 5))):
            offset = rng.randrange(180) if rng.random() < 0.6 else len(body) - 1 - rng.randrange(100)
            kind = rng.randrange(3)
            if kind == 0:
                body[offset] = rng.choice(b'\r\n-"; =:\0\xff')
            elif kind == 1:
                del body[offset : offset + rng.choice((1, 2, 9))]
            else:
                body[offset:offset] = rng.choice((b"\r\n", b"--" + BOUNDARY, b'"', b"\0", b"\r\n\r\n", b";"))
        if rng.random() < 0.2:
            body = body[: rng.randrange(len(body))]
        yield f"corrupted-{number}", upload(end=bytes(body))


def forms(song: bytes, count: int) -> Iterator[Exchange]:
    for number, type in enumerate(_TYPES):
        yield Exchange("form", f"type-{number}", (upload(song_part(song), type=type),))
        yield Exchange("form", f"type-page-{number}", (upload(song_part(song), type=type, path="/"),))
    for number, disposition in enumerate(_DISPOSITIONS):
        yield Exchange("form", f"disposition-{number}", (upload(part(disposition, song)),))
    for name, data in _shapes(song):
        yield Exchange("form", name, (data,))
    for name, data in _corrupted(song, count):
        yield Exchange("form", name, (data,))
