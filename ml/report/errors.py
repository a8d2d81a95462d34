"""What can go wrong while listening, one type per cause.

Each error carries a stable `code` for programs, a `sentence` for people (what the file is, what to do),
and the `facts` that fill the sentence, so that a caller can say the same words in another language.
"""

from __future__ import annotations

from typing import ClassVar


class SoriError(Exception):
    """A failure that a person can read: `str(error)` is a whole sentence."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "Something went wrong."

    def __init__(self, **facts: str | float) -> None:
        self.facts = facts
        super().__init__(self.sentence.format(**facts))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.facts)


def _rebuild(kind: type[SoriError], facts: dict[str, str | float]) -> SoriError:
    return kind(**facts)


class AudioError(SoriError):
    """The input cannot be heard. Subclasses name the cause."""

    code = "unreadable"
    sentence = "This file could not be read as audio. Try exporting it again as WAV, FLAC or MP3."


# --- reaching the file -------------------------------------------------------------------------------


class NotFoundError(AudioError):
    code = "not_found"
    sentence = "There is no file at {path}."


class FolderError(AudioError):
    code = "folder"
    sentence = "{path} is a folder, not a file. Choose a file in it."


class DeniedError(AudioError):
    code = "denied"
    sentence = "{path} may not be read. Change its permissions or copy it elsewhere."


class NotAFileError(AudioError):
    code = "not_a_file"
    sentence = "{path} is a device or a pipe, not a file. Save the sound to a file first."


class ReadError(AudioError):
    code = "read_failed"
    sentence = "Reading the file failed: {reason}. Copy it to another place and try again."


class TooLargeError(AudioError):
    code = "too_large"
    sentence = "This input is larger than {megabytes:.0f} MB. Cut it or choose a smaller format."


# --- what the file is instead of a song --------------------------------------------------------------


class EmptyError(AudioError):
    code = "empty"
    sentence = "This file is empty: it has no bytes at all. Copy or download it again."


class TextError(AudioError):
    code = "text"
    sentence = "This is {format}, not sound. Choose the audio file itself."


class WebPageError(AudioError):
    code = "web_page"
    sentence = "This is a web page, not sound: the download saved a page. Download the audio file itself."


class PlaylistError(AudioError):
    code = "playlist"
    sentence = "This is a playlist ({format}): it names songs and holds none. Choose the songs themselves."


class PictureError(AudioError):
    code = "picture"
    sentence = "This is a picture ({format}), not sound. Choose an audio file."


class ArchiveError(AudioError):
    code = "archive"
    sentence = "This is an archive ({format}). Unpack it and choose the audio files inside."


class DocumentError(AudioError):
    code = "document"
    sentence = "This is a document ({format}), not sound. Choose an audio file."


class ProgramError(AudioError):
    code = "program"
    sentence = "This is a program ({format}), not sound. Choose an audio file."


class MidiError(AudioError):
    code = "midi"
    sentence = "This is a MIDI file: it holds notes, not sound. Play it into a WAV or MP3 file first."


class VideoError(AudioError):
    code = "video"
    sentence = "This is a video ({format}) that is not read here. Save its sound as WAV, FLAC or MP3."


class NoSoundError(AudioError):
    code = "no_sound"
    sentence = "This {format} file is a video without sound: there is nothing to hear."


class UnsupportedError(AudioError):
    code = "unsupported"
    sentence = "This is audio in a format that is not read here ({format}). Save it as WAV, FLAC or MP3."


class ProtectedError(AudioError):
    code = "protected"
    sentence = "This {format} file is copy-protected. Use a copy without protection."


class UnknownFormatError(AudioError):
    code = "unknown_format"
    sentence = "This is no audio format that is known here. Try exporting it again as WAV, FLAC or MP3."


# --- sound that cannot be analysed -------------------------------------------------------------------


class SilentError(AudioError):
    code = "silent"
    sentence = "This file is silent from beginning to end. Check that the right track was exported."


class TooShortError(AudioError):
    code = "too_short"
    sentence = "This sound lasts {seconds:.2f} seconds; at least {minimum:g} are needed."


class TruncatedError(AudioError):
    code = "truncated"
    sentence = (
        "This {format} file ends after {seconds:.1f} of {promised:.1f} seconds: "
        "the rest is missing. Copy or download it again."
    )


class IncompleteError(AudioError):
    code = "incomplete"
    sentence = (
        "This {format} file is incomplete: its end is missing, as when a download stops early. "
        "Copy or download it again."
    )


class DamagedError(AudioError):
    code = "damaged"
    sentence = "This {format} file is damaged {seconds:.1f} seconds in. Copy or download it again."


class CorruptError(AudioError):
    code = "corrupt"
    sentence = "This looks like {format}, but nothing in it can be decoded. Copy or export it again."


class SampleRateError(AudioError):
    code = "sample_rate"
    sentence = (
        "This {format} file claims {rate:.0f} samples per second; {minimum:.0f} to {maximum:.0f} can be read. "
        "Export it again at 44100."
    )


class ChannelsError(AudioError):
    code = "channels"
    sentence = (
        "This {format} file has {channels:.0f} channels; at most {maximum:.0f} can be read. "
        "Mix it down to stereo."
    )


class NotFiniteError(AudioError):
    code = "not_finite"
    sentence = "This {format} file holds samples that are not numbers (NaN or infinity). Export it again."


# --- the decoder -------------------------------------------------------------------------------------


class DecoderTimeoutError(AudioError):
    code = "decoder_timeout"
    sentence = (
        "Decoding this {format} file took longer than {seconds:.0f} seconds and was stopped. "
        "Export it again as WAV, FLAC or MP3."
    )


class DecoderMissingError(AudioError):
    code = "decoder_missing"
    sentence = (
        "Reading {format} needs ffmpeg, which is not installed here. "
        "Install it, or save the file as WAV, FLAC or MP3."
    )
