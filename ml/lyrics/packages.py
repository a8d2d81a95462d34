"""The optional packages, and quiet ones: their progress bars and warnings are for programmers."""

from __future__ import annotations

import os
from importlib.util import find_spec

from ml.lyrics.errors import PackagesMissingError

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


def available_cores() -> int:
    """Cores that this process may use, which a container can limit."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
