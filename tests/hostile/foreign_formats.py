"""Files that are something else: playlists and scripts that name other files, and two formats in one file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.hostile.case import Bait, Case, seeded_random, u32

LISTS = {
    "m3u": "#EXTM3U\n#EXTINF:9,song\n{0}\n",
    "plain": "{0}\n{0}\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:9,\n{0}\n#EXT-X-ENDLIST\n",
    "hls-key": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MEDIA-SEQUENCE:0\n"
    '#EXT-X-KEY:METHOD=AES-128,URI="{0}"\n#EXTINF:9,\n{0}\n#EXT-X-ENDLIST\n',
    "hls-map": '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MAP:URI="{0}"\n#EXTINF:9,\n{0}\n#EXT-X-ENDLIST\n',
    "pls": "[playlist]\nNumberOfEntries=1\nFile1={0}\nVersion=2\n",
    "xspf": '<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/"><trackList><track>'
    "<location>{0}</location></track></trackList></playlist>",
    "asx": '<asx version="3.0"><entry><ref href="{0}"/></entry></asx>',
    "cue": 'FILE "{0}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "concat": "ffconcat version 1.0\nfile '{0}'\nduration 9\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT9S"><Period>'
    '<AdaptationSet mimeType="audio/mp4"><Representation id="1" mimeType="audio/mp4" bandwidth="9">'
    "<BaseURL>{0}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "smil": '<smil><body><audio src="{0}"/></body></smil>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={0}\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na=control:{0}\n",
    "xxe": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "{0}">]><a>&b;</a>',
    "laughs": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{0}"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{0}"/><script>1</script></svg>',
    "html": '<!doctype html><meta http-equiv="refresh" content="0;url={0}"><audio src="{0}"></audio>',
    "rtsp": "RTSPtext\n{0}\n",
    "nsv": "NSVf{0}",
    "image2": "{0}%03d.wav",
}

_WRAPPERS = {
    "bare": b"",
    "bom": b"\xef\xbb\xbf",
    "blank": b"\n\n \t\r\n",
    "mp4": u32(24, ">") + b"ftypM4A \0\0\0\0M4A isom",
    "free": u32(8, ">") + b"free",
    "ebml": b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm\x42\x87\x81\x02\x42\x85\x81\x02",
    "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    "adts": b"\xff\xf1\x50\x80\x01\x1f\xfc" * 4,
    "caf": b"caff\0\x01\0\0",
    "id3": b"ID3\x04\0\0\0\0\0\0",
    "riff": b"RIFF\xff\xff\xff\x7fWAVE",
    "ogg": b"OggS\0\x02" + bytes(20) + b"\x01\x1e\x7fFLAC",
}


def playlists(bait: Bait) -> Iterator[Case]:
    for (kind, text), (wrapper, before), (number, target) in itertools.product(
        LISTS.items(), _WRAPPERS.items(), enumerate(bait.targets)
    ):
        data = before + text.format(target).encode()
        yield Case("playlist", f"{kind}-{wrapper}-{number}", data)
        if wrapper == "bare":
            yield Case("playlist", f"{kind}-utf16-{number}", text.format(target).encode("utf-16"))


_FRONTS = {
    "pdf": b"%PDF-1.7\n1 0 obj\n<</Length 9>>stream\n",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde",
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
    "gif": b"GIF89a\1\0\1\0\0\0\0;",
    "zip": b"PK\x03\x04\x14\0\0\0\0\0",
    "exe": b"MZ\x90\0\3\0\0\0",
    "elf": b"\x7fELF\2\1\1\0",
    "html": b"<!doctype html><script>alert(1)</script>",
    "php": b"<?php system($_GET[0]); ?>",
    "shell": b"#!/bin/sh\nid\n",
    "avi": b"RIFF\0\0\0\0AVI LIST",
    "webp": b"RIFF\0\0\0\0WEBPVP8 ",
    "midi": b"MThd\0\0\0\6\0\1\0\1\1\xe0",
    "flv": b"FLV\x01\x05\0\0\0\x09",
    "mpeg": b"\0\0\x01\xba",
    "gzip": b"\x1f\x8b\x08\0",
    "tar": bytes(257) + b"ustar\0",
    "ts": (b"G" + bytes(187)) * 3,
    "nul": bytes(4096),
    "spaces": b" " * 70_000,
}


def polyglots(valid: dict[str, bytes]) -> Iterator[Case]:
    for (front, before), (name, data) in itertools.product(_FRONTS.items(), valid.items()):
        yield Case("polyglot", f"{front}-{name}", before + data)
    for (one, first), (other, second) in itertools.product(valid.items(), valid.items()):
        if one != other:
            yield Case("polyglot", f"{one}+{other}", first + second)
            yield Case("polyglot", f"{one}|{other}", first[:64] + second)


_MAGIC = [front for front in _FRONTS.values() if len(front) < 300] + list(_WRAPPERS.values())


def noise(count: int) -> Iterator[Case]:
    """Meaningless bytes, most of them after the signature of a format."""
    yield Case("noise", "nothing", b"")
    for number in range(count - 1):
        rng = seeded_random("noise", number)
        length = rng.choice((0, 1, 2, 3, 7, 11, 12, 15, 40, 200, 5000, 70_000))
        body = rng.choice((rng.randbytes(length), bytes(length), b"\xff" * length))
        yield Case("noise", str(number), rng.choice(_MAGIC) + body)
