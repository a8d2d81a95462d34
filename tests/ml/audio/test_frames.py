"""MP3 and AAC frames are found after tags and junk."""

from __future__ import annotations

import io
from collections.abc import Callable

from ml.audio.loading import load

from .assertions import assert_tone
from .sounds import encode, tone


def test_an_mp3_after_tags_or_junk() -> None:
    data = encode(tone(), format="MP3")
    tag = b"ID3\x04\x00\x00\x00\x00\x4e\x20" + bytes(0x4E << 7 | 0x20)
    for before in (tag, tag + tag, bytes(3000), b"junk \x00\xff\xfb\x01" * 200, tag + bytes(500)):
        assert_tone(load(io.BytesIO(before + data)))
    assert_tone(load(io.BytesIO(tag + encode(tone(), format="FLAC"))))


def test_aac_after_a_tag(ffmpeg: Callable[..., bytes]) -> None:
    data = ffmpeg(tone(), 44100, "aac", "-c:a", "aac")
    assert_tone(load(io.BytesIO(b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + data)))
