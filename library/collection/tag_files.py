"""Reads and writes four tags of a music file, by the same names for every format.

All other tags stay as they are, in the version of ID3 that the file had.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from library.collection.replacement import LinkError, TagError

Tags = dict[str, list[str]]

NAMES = ("bpm", "initialkey", "genre", "mood")
_ID3 = {"bpm": "TBPM", "initialkey": "TKEY", "genre": "TCON", "mood": "TMOO"}
_FREEFORM = "----:com.apple.iTunes:"
_MP4 = {"bpm": "tmpo", "initialkey": f"{_FREEFORM}initialkey", "genre": "\xa9gen", "mood": f"{_FREEFORM}MOOD"}
_ASF = {"bpm": "WM/BeatsPerMinute", "initialkey": "WM/InitialKey", "genre": "WM/Genre", "mood": "WM/Mood"}


def read_tags(path: Path) -> Tags:
    """Those of the four tags that the file has."""
    with as_tag_error(), open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise LinkError()
        return tags_of(file)


def _open_at_once(path: str, flags: int) -> int:
    """Without waiting for somebody to write into a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def tags_of(handle: BinaryIO) -> Tags:
    """The same of an open file."""
    with as_tag_error():
        file = _open(handle)
        return {name: values for name in NAMES if (values := _get(file, name))}


def set_tags(handle: BinaryIO, tags: Tags) -> None:
    """Set these tags of an open file; no values remove one, and tags that are not named stay as they are."""
    with as_tag_error():
        file = _open(handle)
        for name, values in tags.items():
            _set(file, name, values)
        _save(file, handle)


def _open(handle: BinaryIO) -> Any:
    """The file opened with mutagen, with room for tags."""
    import mutagen

    handle.seek(0)
    file = mutagen.File(handle)
    if file is None:
        raise TagError(reason="no tags are known for this format")
    if _has_id3(file) and file.tags is not None and file.tags.version >= (2, 3):
        handle.seek(0)
        file = type(file)(handle, translate=False)  # keep frames as they are: do not convert them to ID3 2.4
    if file.tags is None:
        file.add_tags()
    if _keys(file) is None:
        raise TagError(reason="no tags are known for this format")
    return file


def _has_id3(file: Any) -> bool:
    from mutagen.aiff import AIFF
    from mutagen.id3 import ID3FileType
    from mutagen.wave import WAVE

    return isinstance(file, ID3FileType | WAVE | AIFF)


def _keys(file: Any) -> dict[str, str] | None:
    """The names of the four tags in this file's format; None where no tags are known for it."""
    from mutagen._vorbis import VCommentDict
    from mutagen.asf import ASF
    from mutagen.mp4 import MP4

    if _has_id3(file):
        return _ID3
    if isinstance(file, MP4):
        return _MP4
    if isinstance(file, ASF):
        return _ASF
    return {name: name for name in NAMES} if isinstance(file.tags, VCommentDict) else None


def _get(file: Any, name: str) -> list[str]:
    keys = _keys(file) or {}
    if _has_id3(file):
        return [text for frame in file.tags.getall(keys[name]) for text in frame.text]
    values = file.tags.get(keys[name], [])
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]


def _set(file: Any, name: str, values: list[str]) -> None:
    key = (_keys(file) or {})[name]
    if _has_id3(file):
        from mutagen import id3

        file.tags.setall(key, [id3.Frames[key](encoding=3, text=values)] if values else [])
    elif not values:
        if key in file.tags:
            del file.tags[key]
    elif key == "tmpo":
        file.tags[key] = [round(float(value)) for value in values]
    elif key.startswith(_FREEFORM):
        file.tags[key] = [value.encode() for value in values]
    else:
        file.tags[key] = values


def _save(file: Any, handle: BinaryIO) -> None:
    handle.seek(0)
    if _has_id3(file) and not file.tags:
        file.delete(handle)
    elif _has_id3(file) and file.tags.version[:2] == (2, 3):
        file.save(handle, v2_version=3, v23_sep=None)
    else:
        file.save(handle)


@contextlib.contextmanager
def as_tag_error() -> Iterator[None]:
    """mutagen raises errors of every type over damaged tags."""
    try:
        yield
    except TagError:
        raise
    except OSError as error:
        raise TagError(reason=error.strerror or type(error).__name__) from error
    except Exception as error:
        raise TagError(reason=str(error) or type(error).__name__) from error
