"""File names that look like paths, markup, headers or commands, or that are very long."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.raw_http import Exchange, part, song_part, upload

_TRAVERSALS = (
    b"../../../../etc/passwd",
    b"..\\..\\..\\windows\\win.ini",
    b"/etc/passwd",
    b"//server/share/song.wav",
    b"\\\\server\\share\\song.wav",
    b"C:\\song.wav",
    b"C:song.wav",
    b"file:///etc/passwd",
    b"....//....//song.wav",
    b"%2e%2e%2fsong.wav",
    b"..%c0%af..%c0%afsong.wav",
    b"..",
    b".",
    b"/",
    b"...",
    b"~root/song.wav",
    b".htaccess",
    b"song.wav/..",
    b"song.wav/.",
    b"song.wav::$DATA",
)
_CHARACTERS = (
    b"song\0.wav",
    b"song.wav\0.png",
    b"a\nb.wav",
    b"a\rb.wav",
    b"a\tb.wav",
    b"a\x1b[31mb.wav",
    b"a\x07\x08\x7fb.wav",
    "gpj.\u202eevil.wav".encode(),
    "\u2066\u2067\u2068\u2069.wav".encode(),
    "\u200b\u200c\u200d\ufeff.wav".encode(),
    "한국노래.wav".encode(),
    "\u1112\u1161\u11ab\u1100\u116e\u11a8.wav".encode(),
    "한국노래.wav".encode("cp949"),
    "歌.wav".encode("utf-16"),
    "e\u0301\u0301\u0301".encode() * 60,
    b"\xff\xfe\xfd.wav",
    b"\xed\xa0\x80.wav",
    b"\xf4\x90\x80\x80.wav",
    b"\xc0\xaf.wav",
    "\U0001f3b5\U0001f468\u200d\U0001f469\u200d\U0001f467.wav".encode(),
    "\ud7ff\ue000\uffff\U0010ffff.wav".encode(),
    "ﷺ".encode() * 99,
    b"",
    b" ",
    b"." * 300,
)
_INJECTIONS = (
    b"<script>alert(1)</script>.wav",
    b"<img src=x onerror=alert(1)>",
    b"{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    b"'; DROP TABLE analyses; --.wav",
    b"=cmd|' /C calc'!A0",
    b"+1+1",
    b"-2+3",
    b"@SUM(1)",
    b"$(id).wav",
    b"`id`.wav",
    b"a;id;.wav",
    b"a|id.wav",
    b"-i.wav",
    b"--help",
    b"%s%n%d%x.wav",
    b"{0.__class__}.wav",
    b"CON.wav",
    b"LPT1",
    b"nul",
    b"a'b.wav",
    b"a&b&amp;c.wav",
    b"a;b=c.wav",
    b"a=b.wav",
    b"#EXTM3U",
    b"javascript:alert(1)",
    b"A" * 255,
    b"A" * 4096,
    b"A" * 100_000,
    "가".encode() * 20_000,
    b"/" * 50_000,
    b"a/" * 20_000 + b"song.wav",
)
_DISPOSITIONS = (
    b'form-data; name="file"; filename="%s"',
    b"form-data; name=file; filename=%s",
    b"form-data; name=\"file\"; filename*=UTF-8''%s",
    b'form-data; name="file"; filename="a.wav"; filename="%s"',
)


def names(song: bytes) -> Iterator[Exchange]:
    for number, name in enumerate((*_TRAVERSALS, *_CHARACTERS, *_INJECTIONS)):
        for form, disposition in enumerate(_DISPOSITIONS):
            body = part(disposition.replace(b"%s", name), song)
            yield Exchange("name", f"{number}-{form}", (upload(body),))
    for name in (b'a\\"b.wav', b'a"b.wav', b'"', b"\\", b"a\\", b'a"; name="other', b'a"\r\nX-Other: 1\r\n\r\nbody'):
        yield Exchange("name", f"quotes-{name!r}", (upload(song_part(song, name)),))
    for charset in (b"utf-8", b"UTF-7", b"koi8-r", b"none", b"utf-16", b"idna", b"punycode", b"", b"a" * 5000):
        disposition = b'form-data; name="file"; filename*=' + charset + b"''%EB%85%B8%ff%00%.wav"
        yield Exchange("name", f"charset-{charset[:9]!r}", (upload(part(disposition, song)),))
    for number in range(6):
        pieces = b"; ".join(b'filename*%d*="%s"' % (at, b"x" * number) for at in range(50 * number))
        yield Exchange("name", f"continued-{number}", (upload(part(b'form-data; name="file"; ' + pieces, song)),))
