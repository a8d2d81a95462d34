"""URLs and headers that no browser sends: path traversal in identifiers, very long queries, false hosts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.case import seeded_random
from tests.hostile.raw_http import Exchange, request

_IDS = (
    b"..", b"%2e%2e", b"..%2f..%2fetc%2fpasswd", b"%2e%2e%2f%2e%2e%2fsecret", b"..\\..\\secret", b"%00", b"x%00y",
    b"%ff%fe", b"%ed%a0%80", b"%0d%0aX-A:%201", b"%e2%80%ae", b"' OR 1=1 --", b"%27%20OR%201=1", b"x" * 33,
    b"x" * 8000, b"-1", b"0", b"null", b"%", b"%zz", b"{{7*7}}", b"<script>", b"*", b"%2a", b"analyses", b"a/b/c", b"",
)  # fmt: skip


def addresses() -> Iterator[Exchange]:
    for number, name in enumerate(_IDS):
        encoded = name.replace(b" ", b"+")
        for before, after in (
            (b"/a/", b""), (b"/a/", b"/audio"), (b"/a/", b"/delete"), (b"/api/v1/analyses/", b""), (b"/static/", b""),
            (b"/api/v1/analyses/", b"/events"), (b"/library/", b""), (b"/api/v1/tracks/", b"/neighbours?k=3"),
        ):  # fmt: skip
            yield Exchange(
                "address",
                f"{number}-{before.decode()}{after.decode()}",
                (request("GET", before + encoded + after),),
                may_be_unanswered=True,
            )
            if after in (b"", b"/delete"):
                yield Exchange(
                    "address",
                    f"{number}-delete-{before.decode()}{after.decode()}",
                    (request("DELETE" if b"api" in before else "POST", before + encoded + after),),
                    may_be_unanswered=True,
                )
    for number, query in enumerate(
        (b"?" + b"a=b&" * 5000, b"?%00", b"?page=-1", b"?page=99999999999999999999", b"?page=x", b"?k=-1&by=x",
         b"?q=%25%5f%27%22%3c", b"?q=" + b"%f0%9f%8e%b5" * 500, b"?sort=__class__", b"?" + b"q[]=1&" * 999,
         b"?q=%ff", b"?tempo=nan", b"?limit=1e9", b"?offset=-9223372036854775809", b"#fragment", b"??")
    ):  # fmt: skip
        for path in (b"/", b"/library", b"/api/v1/tracks", b"/api/v1/tracks/1/neighbours", b"/a/x", b"/healthz"):
            yield Exchange(
                "address", f"query-{number}-{path.decode()}", (request("GET", path + query),), may_be_unanswered=True
            )
    for target in (
        b"http://127.0.0.1/",
        b"http://evil.example/",
        b"//evil.example/",
        b"/\\evil.example",
        b"x" * 70_000,
        b"/" + b"a/" * 30_000,
        b"/;/..;/admin",
        b"/%2f%2fevil.example",
        b"\xff\xff",
    ):
        yield Exchange("address", f"target-{target[:25]!r}", (request("GET", target),), may_be_unanswered=True)
    for target in (
        b"//evil.example",
        b"/\\evil.example",
        b"https://evil.example",
        b"/\t/evil.example",
        b"\r\nX: 1",
        b"",
    ):
        body = b"next=" + target.replace(b"\r\n", b"%0d%0a")
        form = request("POST", "/language/ko", b"Content-Type: application/x-www-form-urlencoded", body=body)
        yield Exchange("address", f"next-{target!r}", (form,))


def headers() -> Iterator[Exchange]:
    floods = {
        "many": [b"X-%d: a" % number for number in range(1000)], "same": [b"X-A: b"] * 5000,
        "long": [b"X-A: " + b"b" * 1_000_000], "long-name": [b"X" * 100_000 + b": a"],
        "empty-name": [b": a"], "space": [b"X A: b"], "space-before-colon": [b"X-A : b"], "folded": [b"X-A: b\r\n c"],
        "nul": [b"X-A: \0"], "high": [b"X-A: \xff\xfe"], "no-colon": [b"words"], "bare-return": [b"X-A: a\rb"],
        "two-hosts": [b"Host: evil.example"], "underscore": [b"Content_Length: 5"],
    }  # fmt: skip
    for name, lines in floods.items():
        yield Exchange("header", name, (request("GET", "/", *lines),), may_be_unanswered=True)
    for host in (
        b"",
        b"evil.example",
        b"127.0.0.1:x",
        b"[::1",
        b"a" * 5000,
        b"a\0b",
        b"../..",
        b"<script>",
        b"\xff",
        b"a,b",
    ):
        line = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
        yield Exchange("header", f"host-{host[:15]!r}", (line,), may_be_unanswered=True)
    values = (b"", b"\xff", b"a" * 8000, b"," * 5000, b";" * 5000, b"=" * 999, b"%00", b'"' * 999, b"0", b"-1", b"{}")
    for name in (
        b"Cookie", b"Accept-Language", b"Accept", b"Range", b"If-None-Match", b"If-Modified-Since", b"Authorization",
        b"Forwarded", b"X-Forwarded-For", b"X-Forwarded-Host", b"Referer", b"Origin", b"Sec-Fetch-Site", b"User-Agent",
        b"Expect", b"Upgrade", b"Connection", b"X-Token", b"Last-Event-ID", b"X-HTTP-Method-Override", b"X-Request-ID",
    ):  # fmt: skip
        for number, value in enumerate(values):
            path = ("/", "/static/main.css", "/api/v1/analyses/x")[number % 3]
            yield Exchange(
                "header",
                f"{name.decode()}-{number}",
                (request("GET", path, name + b": " + value),),
                may_be_unanswered=True,
            )
    for cookie in (
        b"sori=x",
        b"sori=" + b"." * 4000,
        b"sori=eyJhIjoxfQ.a.b",
        b"sori=.eJw.a.b",
        b"language=zz",
        b"language=../../ko",
        b"session=1; " * 500,
        b"sori=\xff\xff",
        b'sori="\\000"',
    ):
        yield Exchange(
            "header", f"cookie-{cookie[:20]!r}", (request("GET", "/", b"Cookie: " + cookie),), may_be_unanswered=True
        )
    for number in range(60):
        rng = seeded_random("header", number)
        line = rng.randbytes(rng.choice((3, 30, 300))).replace(b"\n", b"")
        yield Exchange("header", f"random-{number}", (request("GET", "/", line),), hang_up=True, may_be_unanswered=True)
