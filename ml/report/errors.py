"""The errors of an analysis, one type per cause.

Each error has a stable `code` for programs, a `sentence` for people (what happened, what to do), and the `facts` that
fill the sentence, so that a caller can translate it.
"""

from __future__ import annotations

from typing import ClassVar


class SoriError(Exception):
    """An error for people: `str(error)` is a whole sentence."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "Something went wrong."

    def __init__(self, **facts: str | float) -> None:
        self.facts = facts
        super().__init__(self.sentence.format(**facts))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.facts)


def _rebuild(error_type: type[SoriError], facts: dict[str, str | float]) -> SoriError:
    return error_type(**facts)


class AudioError(SoriError):
    """The input cannot be analysed. Subclasses name the cause."""

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
    sentence = "Sori has no permission to read {path}. Change its permissions or copy it elsewhere."


class NotAFileError(AudioError):
    code = "not_a_file"
    sentence = "{path} is a device or a pipe, not a file. Save the audio to a file first."


class ReadError(AudioError):
    code = "read_failed"
    sentence = "The file could not be read: {reason}. Copy it to another place and try again."


class TooLargeError(AudioError):
    code = "too_large"
    sentence = "This file is larger than {megabytes:.0f} MB. Shorten it or save it in a compressed format such as MP3."


# --- what the file is instead of a song --------------------------------------------------------------


class EmptyError(AudioError):
    code = "empty"
    sentence = "This file is empty. Copy or download it again."


class TextError(AudioError):
    code = "text"
    sentence = "This is {format}, not audio. Choose the audio file itself."


class WebPageError(AudioError):
    code = "web_page"
    sentence = "This is a web page, not audio. Download the audio file itself."


class PlaylistError(AudioError):
    code = "playlist"
    sentence = "This is a playlist ({format}), which lists songs but has no audio. Choose the audio files themselves."


class PictureError(AudioError):
    code = "picture"
    sentence = "This is a picture ({format}), not audio. Choose an audio file."


class ArchiveError(AudioError):
    code = "archive"
    sentence = "This is an archive ({format}). Unpack it and choose the audio files inside."


class DocumentError(AudioError):
    code = "document"
    sentence = "This is a document ({format}), not audio. Choose an audio file."


class ProgramError(AudioError):
    code = "program"
    sentence = "This is a program ({format}), not audio. Choose an audio file."


class MidiError(AudioError):
    code = "midi"
    sentence = "This is a MIDI file, which contains notes but no audio. Render it to WAV or MP3 first."


class VideoError(AudioError):
    code = "video"
    sentence = "This is a video in an unsupported format ({format}). Save its audio as WAV, FLAC or MP3."


class NoSoundError(AudioError):
    code = "no_sound"
    sentence = "This {format} file is a video without an audio track. Choose a file with audio."


class UnsupportedError(AudioError):
    code = "unsupported"
    sentence = "This audio format ({format}) is not supported. Save the file as WAV, FLAC or MP3."


class ProtectedError(AudioError):
    code = "protected"
    sentence = "This {format} file is copy-protected. Use a copy without protection."


class UnknownFormatError(AudioError):
    code = "unknown_format"
    sentence = "This file is in no known audio format. Try exporting it again as WAV, FLAC or MP3."


class TooManyPartsError(AudioError):
    code = "too_many_parts"
    sentence = (
        "This {format} file holds more tags or other parts than any song needs. Export it again as WAV, FLAC or MP3."
    )


# --- audio that cannot be analysed -------------------------------------------------------------------


class SilentError(AudioError):
    code = "silent"
    sentence = "This file is silent from beginning to end. Check that the right track was exported."


class TooShortError(AudioError):
    code = "too_short"
    sentence = "This audio is {seconds:.2f} seconds long; the minimum is {minimum:g}. Choose a longer file."


class TruncatedError(AudioError):
    code = "truncated"
    sentence = (
        "This {format} file ends after {seconds:.1f} of {stated:.1f} seconds; "
        "the rest is missing. Copy or download it again."
    )


class IncompleteError(AudioError):
    code = "incomplete"
    sentence = "The end of this {format} file is missing, as after an interrupted download. Copy or download it again."


class DamagedError(AudioError):
    code = "damaged"
    sentence = "This {format} file is damaged {seconds:.1f} seconds in. Copy or download it again."


class CorruptError(AudioError):
    code = "corrupt"
    sentence = "This looks like {format}, but no audio in it can be decoded. Copy or export it again."


class SampleRateError(AudioError):
    code = "sample_rate"
    sentence = (
        "This {format} file states a sample rate of {rate:.0f} Hz; supported are {minimum:.0f} to {maximum:.0f} Hz. "
        "Export it again at 44100 Hz."
    )


class ChannelsError(AudioError):
    code = "channels"
    sentence = (
        "This {format} file has {channels:.0f} channels; at most {maximum:.0f} are supported. Mix it down to stereo."
    )


class NotFiniteError(AudioError):
    code = "not_finite"
    sentence = "This {format} file contains invalid samples (NaN or infinity). Export it again."


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
        "Reading {format} needs ffmpeg, which is not installed here. Install it, or save the file as WAV, FLAC or MP3."
    )
