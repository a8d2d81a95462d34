"""Downloads models from the hub, once. Everything else works offline.

A file that was interrupted continues where it stopped, also in a later run: the hub's own downloader keeps nothing of
it. A model is built in a folder of partial downloads and appears under its name when it is complete and checked.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ml.lyrics import errors
from ml.lyrics.hub import COMPLETE, download_folder

_CONFIGURATION = re.compile(
    r"(config|generation_config|preprocessor_config|processor_config|tokenizer|tokenizer_config|special_tokens_map"
    r"|added_tokens|vocab|normalizer)\.json|vocab\.txt|merges\.txt|(spiece|sentencepiece\.bpe|tokenizer)\.model"
)
_WEIGHTS = (
    re.compile(r"model\.safetensors"),
    re.compile(r"model(-\d{5}-of-\d{5}\.safetensors|\.safetensors\.index\.json)"),
    re.compile(r"pytorch_model\.bin"),
    re.compile(r"pytorch_model(-\d{5}-of-\d{5}\.bin|\.bin\.index\.json)"),
)
"""Kinds of weights, the best first. Only the first kind that a model has is downloaded."""
_PARTIAL_FOLDER = ".partial"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class RemoteFile:
    name: str
    size: int
    sha256: str | None
    """None for small text files, of which the hub states none."""


@dataclass(frozen=True)
class Listing:
    """What a download would bring."""

    model: str
    commit: str
    licence: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def look_up(model: str, endpoint: str | None = None) -> Listing:
    """What the hub says about a model. `endpoint` is the hub's address, if it is not the usual one."""
    from huggingface_hub import HfApi

    download_folder(model, Path())  # refuses what is no name
    with _plain_errors(model):
        info = HfApi(endpoint=endpoint).model_info(model, files_metadata=True, timeout=20)
        if not _COMMIT.fullmatch(info.sha or ""):
            raise errors.HubAnswerError(model=model)
        siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        files = [
            RemoteFile(name, int(siblings[name].size or 0), getattr(siblings[name].lfs, "sha256", None))
            for name in _needed(siblings)
        ]
    if not any(file.name == COMPLETE for file in files) or all(_CONFIGURATION.fullmatch(file.name) for file in files):
        raise errors.HubFilesError(model=model)
    return Listing(model, info.sha, _licence(info), tuple(files))


def _needed(names: Any) -> list[str]:
    """The files to download. Whole names are compared, so no name can lead out of the folder."""
    weights: list[str] = []
    for kind in _WEIGHTS:
        weights = weights or [name for name in names if kind.fullmatch(name)]
    return sorted([*(name for name in names if _CONFIGURATION.fullmatch(name)), *weights])


def _licence(info: Any) -> str:
    stated = (info.card_data or {}).get("license") if info.card_data else None
    tags = (tag.removeprefix("license:") for tag in info.tags or () if tag.startswith("license:"))
    return str(stated or next(tags, "not stated"))


def download(
    listing: Listing, models_folder: Path, on_progress: Callable[[int], None], endpoint: str | None = None
) -> Path:
    """Download what is missing. `on_progress` gets the bytes of the model that are on disk."""
    target = download_folder(listing.model, models_folder)
    partial = models_folder / _PARTIAL_FOLDER / f"{target.name}@{listing.commit}"
    with _plain_errors(listing.model, models_folder):
        partial.mkdir(parents=True, exist_ok=True)
        done = 0
        for file in listing.files:

            def report(count: int, before: int = done) -> None:
                on_progress(before + count)

            _download_file(listing, file, partial, report, endpoint)
            done += file.size
            on_progress(done)
        if target.exists():
            shutil.rmtree(target)
        partial.replace(target)
    return target


def _download_file(
    listing: Listing, file: RemoteFile, folder: Path, on_progress: Callable[[int], None], endpoint: str | None
) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, disable_progress_bars, logging

    path, part = folder / file.name, folder / f"{file.name}.part"
    if path.exists():
        return
    disable_progress_bars()  # progress is shown for the whole model
    logging.set_verbosity_error()
    url = hf_hub_url(listing.model, file.name, revision=listing.commit, endpoint=endpoint)
    with part.open("ab") as target:
        there = target.tell()
        if there > file.size:
            target.truncate(there := 0)
        counted: Any = _CountedFile(target, there, on_progress)
        http_get(url, counted, resume_size=there, headers=build_hf_headers(), expected_size=file.size)
    if file.sha256 and _sha256(part) != file.sha256:
        part.unlink()
        raise errors.DownloadDamagedError(file=file.name, model=listing.model)
    part.replace(path)


class _CountedFile:
    """A file that reports how many bytes it has. The downloader writes, and empties it to start anew."""

    def __init__(self, file: BinaryIO, size: int, on_progress: Callable[[int], None]) -> None:
        self._file, self._size, self._on_progress = file, size, on_progress

    def write(self, data: bytes) -> int:
        written = self._file.write(data)
        self._size += written
        self._on_progress(self._size)
        return written

    def truncate(self) -> int:
        self._size = self._file.truncate()
        return self._size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _plain_errors(model: str, folder: Path = Path()) -> Iterator[None]:
    """The errors of the hub's client and of the disk as sentences."""
    import httpx2
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        yield
    except GatedRepoError as error:
        raise errors.HubAccessError(model=model) from error
    except RepositoryNotFoundError as error:
        raise errors.HubModelMissingError(model=model) from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, OfflineModeIsEnabled) as error:
        raise errors.HubUnreachableError() from error
    except httpx2.TransportError as error:
        raise errors.DownloadInterruptedError(model=model) from error
    except (HfHubHTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.HubAnswerError(model=model) from error
    except OSError as error:
        if error.errno is None:  # an answer of another length than the hub stated
            raise errors.DownloadInterruptedError(model=model) from error
        raise errors.ModelsFolderError(folder=str(folder), reason=error.strerror or "") from error
