"""Why words could not be read. In an analysis each becomes a note of the report, and the rest of it goes on."""

from __future__ import annotations

from ml.report.errors import SoriError


class LyricsError(SoriError):
    """Lyrics cannot be read. Subclasses name the cause."""

    code = "lyrics"
    sentence = "The words of this song could not be read."


class PackagesMissingError(LyricsError):
    code = "lyrics_packages"
    sentence = "Transcribing lyrics needs more packages. Install them with: pip install -r requirements-lyrics.txt"


# --- the model on this machine ------------------------------------------------------------------------


class ModelMissingError(LyricsError):
    code = "lyrics_model"
    sentence = "The model {model} is not on this machine. Download it with: python -m ml.lyrics fetch"


class ModelNameError(LyricsError):
    code = "lyrics_model_name"
    sentence = "{model} is no name of a model. Write a folder, or a name on the hub, such as openai/whisper-small."


class ModelKindError(LyricsError):
    code = "lyrics_model_kind"
    sentence = "The model {model} does not turn speech into text. Choose a CTC model, such as Wav2Vec2, or Whisper."


class ModelDamagedError(LyricsError):
    code = "lyrics_model_damaged"
    sentence = (
        "The model {model} cannot be loaded: its files are incomplete, damaged or unsafe. "
        "Delete its folder and download it again with: python -m ml.lyrics fetch"
    )


# --- downloads ----------------------------------------------------------------------------------------


class HubUnreachableError(LyricsError):
    code = "hub_unreachable"
    sentence = "The model hub cannot be reached. Check the network connection and run the same command again."


class HubModelMissingError(LyricsError):
    code = "hub_model_missing"
    sentence = "The model hub has no public model called {model}. Check its name."


class HubAccessError(LyricsError):
    code = "hub_access"
    sentence = (
        "The model hub gives {model} only to accounts that accepted its terms. Accept them on its page, "
        "log in with: hf auth login, and run the same command again."
    )


class HubAnswerError(LyricsError):
    code = "hub_answer"
    sentence = "The model hub gave a wrong answer about {model}. Try again later."


class HubFilesError(LyricsError):
    code = "hub_files"
    sentence = "{model} has no weights for PyTorch on the model hub. Choose another model."


class DownloadInterruptedError(LyricsError):
    code = "download_interrupted"
    sentence = "The download of {model} was interrupted. Run the same command again; it continues where it stopped."


class DownloadDamagedError(LyricsError):
    code = "download_damaged"
    sentence = "The file {file} of {model} arrived damaged and was deleted. Run the same command again."


class ModelsFolderError(LyricsError):
    code = "models_folder"
    sentence = "Models cannot be written to {folder}: {reason}. Free space, or choose another folder with --models."
