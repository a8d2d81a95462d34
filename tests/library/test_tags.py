"""Tags are shown, written and taken back, in files made here; a file whose tags we changed is not heard again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

import preprocess
from library import tags
from library.catalogue import Track, open_catalogue
from tests.fakes import FakeEar, write_wav


@pytest.fixture
def song(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"music/song.{request.param}"
    path.parent.mkdir()
    tone = np.sin(np.arange(16_000) / 10).astype(np.float32)
    soundfile.write(path, tone, 16_000)
    return path


@pytest.mark.parametrize("song", ["mp3", "flac", "ogg"], indirect=True)
def test_tags_are_written_and_taken_back(song: Path) -> None:
    tags.write_tags(song, {"genre": ["polka"]})
    wanted = {"bpm": ["120"], "initialkey": ["Am"], "genre": ["jazz"], "mood": ["calm"]}
    tags.write_tags(song, wanted)
    assert tags.read_tags(song) == wanted
    assert soundfile.info(song).frames >= 16_000
    tags.write_tags(song, {"genre": ["polka"]})
    assert tags.read_tags(song) == {"genre": ["polka"]}


def test_what_carries_no_tags_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("no sound")
    with pytest.raises(tags.TagError):
        tags.read_tags(tmp_path / "text.mp3")
    assert tags.read_album(tmp_path / "text.mp3") is None
    assert tags.read_album(tmp_path / "nothing.mp3") is None


def test_the_command_shows_writes_and_undoes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = write_wav(tmp_path / "music/song.wav", seconds=0.02)

    def run(*argv: str | Path) -> str:
        variables = {"SORI_HOME": str(tmp_path / "var")}
        assert preprocess.run([str(arg) for arg in argv], variables=variables, wake=FakeEar) == 0
        return capsys.readouterr().out

    run(song.parent)
    before = song.read_bytes()
    catalogue = open_catalogue(tmp_path / "var")
    assert "Nothing was changed." in run("--write-tags")
    assert song.read_bytes() == before
    with catalogue.session() as session:
        track = session.scalars(select(Track).where(Track.path.is_not(None))).one()
    wanted = tags.wanted(track)
    assert wanted == {"bpm": ["76"], "initialkey": ["G"], "genre": ["reggae"], "mood": ["calm"]}
    catalogue.close()
