"""The tiny Whisper has random weights: only the shapes, the chunks and the times can be checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")

from ml.lyrics.speech.recognition import load
from ml.lyrics.speech.seq2seq import SequenceRecogniser
from ml.lyrics.transcription import ignore_share
from tests.ml import music


@pytest.fixture
def recogniser(small_whisper_model: Path) -> SequenceRecogniser:
    loaded = load(small_whisper_model, "whisper")
    assert isinstance(loaded, SequenceRecogniser)
    return loaded


@pytest.fixture
def write(recogniser: SequenceRecogniser, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`write(0.5, "a", "b", 2.0)` makes the decoder write these times and words for every chunk."""

    def prepare(*parts: float | str) -> None:
        tokenizer = recogniser._tokenizer
        no_times = tokenizer.convert_tokens_to_ids("<|notimestamps|>")
        tokens = [
            tokenizer.convert_tokens_to_ids(f"Ġ{part}") if isinstance(part, str) else no_times + 1 + round(part / 0.02)
            for part in parts
        ]
        monkeypatch.setattr(recogniser, "_generate", lambda _samples: (tokens, [-0.1] * len(tokens)))

    return prepare


def test_words_have_times_over_several_chunks(recogniser: SequenceRecogniser) -> None:
    seconds, shares = 70.0, list[float]()
    words = recogniser.recognise(music.white_noise(seconds), shares.append)
    assert shares == pytest.approx([30 / 70, 56 / 70, 1.0])
    assert len(words) >= 3
    assert all(0 <= word.start <= word.end <= seconds and 0 < word.confidence < 1 for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert words[-1].start > 28  # the later chunks have their words


def test_the_words_of_a_phrase_share_its_time(recogniser: SequenceRecogniser, write: Callable[..., None]) -> None:
    write(1.0, "a", "b", 3.0, 5.0, "c", 6.0)
    words = recogniser.recognise(music.white_noise(10.0), ignore_share)
    assert [(word.text, word.start, word.end) for word in words] == [("a", 1, 2), ("b", 2, 3), ("c", 5, 6)]
    assert all(word.confidence == pytest.approx(0.9048, abs=1e-4) for word in words)


def test_times_that_go_back_or_beyond_the_end_are_corrected(
    recogniser: SequenceRecogniser, write: Callable[..., None]
) -> None:
    write(8.0, "a", 2.0, "b", 29.0, "c")
    times = [(word.start, word.end) for word in recogniser.recognise(music.white_noise(10.0), ignore_share)]
    assert times == [(8, 8), (8, 10), (10, 10)] or times == [(8, 8), (8, 10)]


def test_a_word_in_the_overlap_of_two_chunks_comes_once(
    recogniser: SequenceRecogniser, write: Callable[..., None]
) -> None:
    write(1.0, "a", 1.5, 27.0, "b", 27.5)  # the second chunk begins at 26 s: what is written at 1 s there is at 27 s
    words = recogniser.recognise(music.white_noise(50.0), ignore_share)
    assert [(word.text, word.start) for word in words] == [("a", 1.0), ("b", 27.0)]
