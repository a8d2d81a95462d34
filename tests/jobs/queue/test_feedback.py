"""Listeners' corrections: one voice for each client and song, and a bounded number of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.queue import feedback
from jobs.queue.analyses import Analysis
from jobs.queue.feedback import Feedback, voice_of


def files(home: Path) -> list[str]:
    return sorted(path.parent.name for path in (home / "feedback").glob("*/*"))


def voice(content: str, sender: str = "here", client: str = "me") -> str:
    return voice_of(Analysis(content=content, sender=sender, client=client))


def test_a_client_has_one_voice_for_a_song(tmp_path: Path) -> None:
    stored = Feedback(tmp_path)
    for client in ("me", "a fresh cookie"):
        assert stored.store(voice("song", client=client), b"numbers", "jazz")
    assert stored.store(voice("song"), b"numbers", "blues")
    assert files(tmp_path) == ["blues"]
    assert stored.store(voice("song", sender="there"), b"numbers", "jazz")
    assert stored.store(voice("other song"), b"numbers", "jazz")
    assert files(tmp_path) == ["blues", "jazz", "jazz"]
    stored.delete(voice("song"))
    assert files(tmp_path) == ["jazz", "jazz"]


def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "MAX_VOICES", 3)
    stored = Feedback(tmp_path)
    assert [stored.store(voice(str(number)), b"numbers", "jazz") for number in range(5)] == [True] * 3 + [False] * 2
    assert len(files(tmp_path)) == 3
    assert stored.store(voice("0"), b"numbers", "blues")


@pytest.mark.parametrize("genre", ["..", "a/b", "", "a\\b"])
def test_a_genre_that_names_no_folder_is_not_stored(tmp_path: Path, genre: str) -> None:
    assert not Feedback(tmp_path).store(voice("song"), b"numbers", genre)
