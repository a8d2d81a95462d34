"""Songs in every format that tags are tested with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ml.audio.ffmpeg import find_ffmpeg

FORMATS = ("mp3", "flac", "ogg", "opus", "m4a", "wav", "aiff", "wma")
NO_TAGS = ("aac", "au", "caf")


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds in each format, with a title, an album and a genre as ffmpeg writes them."""
    folder = tmp_path_factory.mktemp("songs")
    tone = 0.3 * np.sin(np.arange(88_200) / np.linspace(9, 12, 88_200))
    soundfile.write(folder / "source.flac", tone, 44_100)
    words = [option for word in ("title=A song", "album=An album", "genre=polka") for option in ("-metadata", word)]
    for suffix in (*FORMATS, *NO_TAGS):
        extra = ["-write_id3v2", "1"] if suffix == "aiff" else []
        command = [find_ffmpeg("test"), "-nostdin", "-v", "error", "-i", folder / "source.flac"]
        subprocess.run([*command, *words, *extra, folder / f"song.{suffix}"], check=True)
    return folder


@pytest.fixture
def song(request: pytest.FixtureRequest, songs: Path, tmp_path: Path) -> Path:
    """A copy of one of them, alone in a folder."""
    (tmp_path / "music").mkdir()
    return Path(shutil.copy(songs / f"song.{request.param}", tmp_path / "music"))
