"""The whole way from samples to lines, with the small model that is trained in the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")

from ml.audio.settings import SAMPLE_RATE
from ml.evaluate.lyrics.recognition import error_count
from ml.features.arrays import Floats
from ml.lyrics.errors import ModelMissingError, ModelNameError, PackagesMissingError
from ml.lyrics.transcription import LONGEST_LINE, Transcriber, Transcript, lines_of
from ml.report.schema import Word
from tests.ml import music
from tests.ml.lyrics.small_speech_model import sentences
from tests.ml.lyrics.speech_synthesis import Voice, sounds_alike, speak

PAUSE = np.zeros(2 * SAMPLE_RATE, np.float32)


@pytest.fixture(scope="module")
def transcriber(small_asr_model: Path) -> Transcriber:
    return Transcriber.load(str(small_asr_model), Path("nowhere"))


def text(transcript: Transcript) -> str:
    return " ".join(line.text for line in transcript.lines)


def test_held_out_sentences_are_transcribed(transcriber: Transcriber) -> None:
    """Known words in new orders and other voices: at most 0.30 of them wrong, of all that the product shows."""
    errors = words = 0
    for sentence, samples in sentences(40, seed=7):
        errors += error_count(sentence.split(), text(transcriber.transcribe(samples)).split())
        words += len(sentence.split())
    assert words > 100
    assert errors / words <= 0.30


def test_lines_have_their_times_in_the_song(transcriber: Transcriber) -> None:
    first, second = speak("love night fire moon"), speak("party guitar river rain", Voice("en-gb+f4", 140, 60, 3))
    samples = np.concatenate([PAUSE, first, PAUSE, PAUSE, second])
    shares: list[float] = []
    transcript = transcriber.transcribe(samples, shares.append)
    one, two = transcript.lines
    assert sounds_alike(one.text, "love night fire moon") and sounds_alike(two.text, "party guitar river rain")
    assert one.start == pytest.approx(2, abs=0.3) and one.end == pytest.approx(2 + len(first) / SAMPLE_RATE, abs=0.6)
    assert two.start == pytest.approx(6 + len(first) / SAMPLE_RATE, abs=0.3)
    assert [word.text for word in one.words] == one.text.split()
    assert shares == sorted(shares) and shares[-1] == 1


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(0, np.float32),
        PAUSE,
        music.white_noise(),
        music.pure_tone(),
        music.song(),
        np.tile(music.drum(0.5), 20),
    ],
    ids=["nothing", "silence", "noise", "tone", "instruments", "drums"],
)
def test_no_words_are_found_where_nobody_sings(transcriber: Transcriber, sound: Floats) -> None:
    assert transcriber.transcribe(sound).lines == ()


def test_words_of_an_unsure_model_are_counted_and_not_shown(small_whisper_model: Path) -> None:
    """Random weights write something about every sound, and are sure of nothing."""
    transcript = Transcriber.load(str(small_whisper_model), Path("nowhere")).transcribe(speak("fire and rain"))
    assert transcript.lines == () and transcript.dropped_words >= 1


def test_a_model_is_named_as_the_person_wrote_it(small_asr_model: Path, tmp_path: Path) -> None:
    assert Transcriber.load(f"{small_asr_model}/", tmp_path).model == "asr"
    (tmp_path / "some--name").symlink_to(small_asr_model)
    assert Transcriber.load("some/name", tmp_path).model == "some/name"


def test_a_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=r"some/name is not on this machine.*python -m ml.lyrics fetch"):
        Transcriber.load("some/name", tmp_path)
    with pytest.raises(ModelNameError):
        Transcriber.load("../../secret", tmp_path)


def test_missing_packages_are_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(PackagesMissingError, match=r"pip install -r requirements-lyrics.txt"):
        Transcriber.load("some/name", tmp_path)


def test_a_pause_ends_a_line_and_a_long_line_is_cut_at_its_longest_pause() -> None:
    starts = np.cumsum([0, *([0.3] * 8), 0.5, *([0.3] * 10), 2.0])
    words = [Word(str(number), float(start), float(start) + 0.2, 0.9) for number, start in enumerate(starts)]
    lines = lines_of(words)
    assert [word for line in lines for word in line] == words
    assert [line[0].text for line in lines] == ["0", "9", "20"]
    assert max(map(len, lines)) <= LONGEST_LINE
