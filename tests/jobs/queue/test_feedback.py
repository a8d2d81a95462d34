"""Listeners' corrections: one voice for each client and song, and a bounded number of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.queue import feedback
from jobs.queue.analyses import Analysis
from jobs.queue.feedback import TRUNK_OUTPUT_FILE, Feedback, voice_of


def files(home: Path) -> list[str]:
    return sorted(path.parent.name for path in (home / "feedback").glob("*/*"))


def voice(content: str, sender: str = "here", client: str = "me") -> str:
    return voice_of(Analysis(content=content, sender=sender, client=client))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    (tmp_path / TRUNK_OUTPUT_FILE).write_bytes(b"numbers")
    return tmp_path


def test_a_client_has_one_voice_for_a_song(song: Path) -> None:
    stored = Feedback(song)
    for client in ("me", "a fresh cookie"):
        assert stored.store(voice("song", client=client), song, "jazz")
    assert stored.store(voice("song"), song, "blues")
    assert files(song) == ["blues"]
    assert stored.store(voice("song", sender="there"), song, "jazz")
    assert stored.store(voice("other song"), song, "jazz")
    assert files(song) == ["blues", "jazz", "jazz"]
    stored.delete(voice("song"))
    assert files(song) == ["jazz", "jazz"]


def test_the_number_of_files_is_bounded(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "MAX_VOICES", 3)
    stored = Feedback(song)
    assert [stored.store(voice(str(number)), song, "jazz") for number in range(5)] == [True] * 3 + [False] * 2
    assert len(files(song)) == 3
    assert stored.store(voice("0"), song, "blues")


@pytest.mark.parametrize("genre", ["..", "a/b", "", "a\\b"])
def test_a_genre_that_names_no_folder_is_not_stored(song: Path, genre: str) -> None:
    assert not Feedback(song).store(voice("song"), song, genre)
