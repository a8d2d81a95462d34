"""Where downloaded models are: one folder for each in the folder of models."""

from __future__ import annotations

import re
from pathlib import Path

from ml.lyrics.errors import ModelMissingError, ModelNameError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
COMPLETE = "config.json"
"""A folder without it is no model. A download appears under its name only when it is complete."""


def model_folder(model: str, models_folder: Path) -> Path:
    """The folder of a model: a local folder as it is, else the downloaded one."""
    local = Path(model).expanduser()
    if local.is_dir():
        return local
    folder = download_folder(model, models_folder)
    if not (folder / COMPLETE).is_file():
        raise ModelMissingError(model=model)
    return folder


def download_folder(model: str, models_folder: Path) -> Path:
    """Where the model of this name is or will be. Names that would leave the folder of models are refused."""
    if not _NAME.fullmatch(model) or ".." in model:
        raise ModelNameError(model=model)
    return models_folder / model.replace("/", "--")
