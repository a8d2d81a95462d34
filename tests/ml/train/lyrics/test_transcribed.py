"""Audio is transcribed before training: what is sung becomes a text, and what cannot be used is counted."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.train.lyrics import transcribed
from ml.train.lyrics.transcribed import transcribe_folder
from tests.ml import tunes
from tests.ml.lyrics.speech_synthesis import WORDS, speak

GENRES = {"country": WORDS[:10], "pop": WORDS[10:]}


def write(path: Path, samples: Floats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, SAMPLE_RATE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two spoken songs of 16 words each, an instrumental, a few words, and a file that is no audio."""
    music = tmp_path / "music"
    for genre, vocabulary in GENRES.items():
        words = random.Random(genre).choices(vocabulary, k=16)
        sentences = [speak(" ".join(words[start : start + 4])) for start in range(0, 16, 4)]
        pause = np.zeros(SAMPLE_RATE // 2, np.float32)
        write(music / genre / "spoken.wav", np.concatenate([part for one in sentences for part in (one, pause)]))
    write(music / "pop" / "instrumental.wav", tunes.drums(120, 6.0))
    write(music / "pop" / "short.wav", speak("fire and rain tonight"))
    (music / "country" / "broken.mp3").write_bytes(b"this is no audio at all")
    return music


def test_songs_become_texts_and_the_rest_is_counted(
    folder: Path, tmp_path: Path, small_asr_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> transcribed.TextTable:
        return transcribe_folder(folder, model=str(small_asr_model), models_folder=tmp_path, cache=tmp_path / "cache")

    table = run()
    assert [one.genre for one in table.songs] == ["country", "pop"]
    for one in table.songs:
        own = set(GENRES[one.genre])
        assert sum(word in own for word in one.words) >= 0.6 * len(one.words)
    assert table.left_out.total() == 3
    assert any("could not be transcribed" in reason for reason in table.left_out)
    assert any("no words found" in reason for reason in table.left_out)
    assert any("fewer than" in reason for reason in table.left_out)

    def fail(*_arguments: object) -> None:
        raise AssertionError("a finished song is transcribed again")

    monkeypatch.setattr(transcribed.Transcriber, "transcribe", fail)
    assert run() == table
