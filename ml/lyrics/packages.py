"""The optional packages, and quiet ones: their progress bars and warnings are for programmers."""

from __future__ import annotations

from importlib.util import find_spec

from ml.lyrics.errors import PackagesMissingError
from ml.models.cores import available_cores

_NAMES = ("torch", "transformers")


def are_installed() -> bool:
    """Whether the packages are there, without importing them, which takes seconds."""
    return all(map(find_spec, _NAMES))


def require_packages(threads: int | None = None) -> None:
    """Raise `PackagesMissingError` where torch or transformers cannot be imported. PyTorch computes with so many
    threads, by default as it would by itself, but with no more than there are cores."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise PackagesMissingError() from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(min(threads or torch.get_num_threads(), available_cores()))
