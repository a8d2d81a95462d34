"""Detects the format of a file from its first kilobytes, never from its name.

`sniff` returns a `Kind`: which library decodes the file, or which error refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Literal

from ml.audio import frames
from ml.audio.text_files import identify_text
from ml.report import errors

Reader = Literal["soundfile", "ffmpeg"]

HEAD_BYTES = 8192
JUNK_BYTES = 65536
"""How far into a file an MP3 may begin: recordings of radio streams start in the middle of a frame."""
MAX_FRAME_STARTS = 1000
"""Positions in those bytes that are tried. Random junk has a hundred that look like a frame, crafted junk 16,000."""
MAX_ID3_TAGS = 8
"""ID3 tags before the sound. A song has one, or a second from a careless tagger. Each takes a read, and 100 MB hold ten
million empty ones."""


@dataclass(frozen=True)
class Kind:
    """`format` is its name for people; the audio starts at byte `start`; `demuxer` is ffmpeg's name for it."""

    format: str
    reader: Reader | None = None
    refusal: type[errors.AudioError] = errors.UnknownFormatError
    start: int = 0
    demuxer: str = ""

    def refuse(self) -> errors.AudioError:
        """The error that says what the file is instead of audio."""
        return self.refusal(format="a text file" if self.refusal is errors.TextError else self.format)


_REFUSED: tuple[tuple[bytes, str, type[errors.AudioError]], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG", errors.PictureError),
    (b"\xff\xd8\xff", "JPEG", errors.PictureError),
    (b"GIF8", "GIF", errors.PictureError),
    (b"II*\0", "TIFF", errors.PictureError),
    (b"MM\0*", "TIFF", errors.PictureError),
    (b"8BPS", "PSD", errors.PictureError),
    (b"PK\x03\x04", "ZIP", errors.ArchiveError),
    (b"PK\x05\x06", "ZIP", errors.ArchiveError),
    (b"Rar!\x1a\x07", "RAR", errors.ArchiveError),
    (b"7z\xbc\xaf\x27\x1c", "7z", errors.ArchiveError),
    (b"\x1f\x8b", "gzip", errors.ArchiveError),
    (b"BZh", "bzip2", errors.ArchiveError),
    (b"\xfd7zXZ\0", "xz", errors.ArchiveError),
    (b"\x28\xb5\x2f\xfd", "Zstandard", errors.ArchiveError),
    (b"%PDF-", "PDF", errors.DocumentError),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Microsoft Office", errors.DocumentError),
    (b"{\\rtf", "RTF", errors.DocumentError),
    (b"SQLite format 3\0", "SQLite", errors.DocumentError),
    (b"\x7fELF", "ELF", errors.ProgramError),
    (b"MZ", "EXE", errors.ProgramError),
    (b"MThd", "MIDI", errors.MidiError),
    (b"FLV\x01", "FLV", errors.VideoError),
    (b"\0\0\x01\xba", "MPEG", errors.VideoError),
    (b"\0\0\x01\xb3", "MPEG", errors.VideoError),
    (b".RMF", "RealMedia", errors.VideoError),
    (b".ra\xfd", "RealAudio", errors.UnsupportedError),
    (b"MAC ", "Monkey's Audio", errors.UnsupportedError),
    (b"wvpk", "WavPack", errors.UnsupportedError),
    (b"MPCK", "Musepack", errors.UnsupportedError),
    (b"MP+", "Musepack", errors.UnsupportedError),
    (b"TTA1", "True Audio", errors.UnsupportedError),
    (b"DSD ", "DSD", errors.UnsupportedError),
    (b"FRM8", "DSD", errors.UnsupportedError),
    (b"#!AMR", "AMR", errors.UnsupportedError),
    (b"Extended Module: ", "XM", errors.UnsupportedError),
    (b"IMPM", "IT", errors.UnsupportedError),
)

_PICTURE_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"avif": "AVIF", b"msf1": "HEIF"}
_WAVE64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")


def sniff(file: BinaryIO) -> Kind:
    """The kind of `file`, whose position is undefined afterwards."""
    head, start = skip_tags(file)
    if _is_tag(head):
        return Kind("MP3", refusal=errors.TooManyPartsError)
    tagged = start > 0
    return (
        _container(head, start)
        or _frames(head, start, sure=tagged)
        or _refused(head)
        or _text(head)
        or _late_frames(file, start)
        or Kind("MP3" if tagged else "unknown", refusal=errors.CorruptError if tagged else errors.UnknownFormatError)
    )


def skip_tags(file: BinaryIO) -> tuple[bytes, int]:
    """The head of what follows the first ID3 tags, and its offset."""
    head, start = _read(file, 0, HEAD_BYTES), 0
    for _ in range(MAX_ID3_TAGS):
        if not _is_tag(head):
            break
        start += frames.id3_size(head)
        head = _read(file, start, HEAD_BYTES)
    return head, start


def _is_tag(head: bytes) -> bool:
    return head[:3] == b"ID3" and len(head) >= 10


def _read(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _container(head: bytes, start: int) -> Kind | None:
    """Formats that start with their own name."""
    form = head[8:12]
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        refused = {b"AVI ": ("AVI", errors.VideoError), b"WEBP": ("WebP", errors.PictureError)}
        if form == b"RMID":
            return Kind("MIDI", refusal=errors.MidiError)
        if form in refused:
            return Kind(refused[form][0], refusal=refused[form][1])
        return Kind("WAV", "soundfile", start=start) if form == b"WAVE" else None
    if head[:4] == b"FORM" and form in (b"AIFF", b"AIFC"):
        return Kind("AIFF", "soundfile", start=start)
    if head[:4] == b"fLaC":
        return Kind("FLAC", "soundfile", start=start)
    if head[:4] == b"OggS":
        return _ogg(head, start)
    if head[:4] in (b".snd", b"dns."):
        return Kind("AU", "soundfile", start=start)
    if head[:4] == b"caff":
        # Not libsndfile: it supports two of CAF's codecs, and reports broken ALAC on standard output.
        return Kind("CAF", "ffmpeg", demuxer="caf")
    if head[:16] == _WAVE64:
        return Kind("W64", "soundfile", start=start)
    if head[:16] == _ASF:
        return Kind("WMA", "ffmpeg", demuxer="asf")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return Kind("WebM" if b"webm" in head[:64] else "Matroska", "ffmpeg", demuxer="matroska")
    return _mp4(head)


def _mp4(head: bytes) -> Kind | None:
    if head[4:8] not in _MP4_BOXES:
        return None
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return Kind(_PICTURE_BRANDS[head[8:12]], refusal=errors.PictureError)
    return Kind("MP4", "ffmpeg", demuxer="mov")


def _ogg(head: bytes, start: int) -> Kind:
    """The first page of each stream names its codec."""
    page = head[:512]
    if b"\x80theora" in page or b"BBCD\0" in page:
        return Kind("Ogg Theora", refusal=errors.VideoError)
    for mark, name in ((b"\x01vorbis", "Ogg Vorbis"), (b"OpusHead", "Ogg Opus")):
        if mark in page:
            return Kind(name, "soundfile", start=start)
    for mark, name in ((b"\x7fFLAC", "Ogg FLAC"), (b"Speex   ", "Ogg Speex")):
        if mark in page:
            return Kind(name, "ffmpeg", demuxer="ogg")
    return Kind("Ogg", refusal=errors.UnsupportedError)


def _frames(head: bytes, start: int, *, sure: bool) -> Kind | None:
    """Formats that consist of frames only; after an ID3 tag (`sure`), one frame is enough."""
    if frames.is_adts(head, 0, 1 if sure else 2):
        return Kind("AAC", "ffmpeg", demuxer="aac")
    if frames.is_mpeg(head, 0, 1 if sure else 2):
        return Kind("MP3", "soundfile", start=start)
    return None


def _late_frames(file: BinaryIO, start: int) -> Kind | None:
    """An MP3 after junk or padding. Three frames in a row are not a coincidence."""
    data = _read(file, start, JUNK_BYTES)
    for at in islice(frames.possible_starts(data), MAX_FRAME_STARTS):
        if frames.is_mpeg(data, at, 3):
            return Kind("MP3", "soundfile", start=start + at)
    return None


def _refused(head: bytes) -> Kind | None:
    for magic, name, refusal in _REFUSED:
        if head.startswith(magic):
            return Kind(name, refusal=refusal)
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return Kind("BMP", refusal=errors.PictureError)
    if head[257:262] == b"ustar":
        return Kind("tar", refusal=errors.ArchiveError)
    if head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G":
        return Kind("MPEG-TS", refusal=errors.VideoError)
    return None


def _text(head: bytes) -> Kind | None:
    identified = identify_text(head)
    return Kind(identified[0], refusal=identified[1]) if identified else None
