"""From a file to the genre by its words: written or transcribed ones, and what happens where something is missing."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.id3 import ID3, USLT

from ml.audio.settings import SAMPLE_RATE
from ml.lyrics.analyser import LyricsAnalyser, confidence
from ml.lyrics.errors import (
    LyricsError,
    ModelDamagedError,
    ModelKindError,
    ModelMissingError,
    ModelNameError,
    PackagesMissingError,
)
from ml.lyrics.settings import TEXT_MODEL, LyricsSettings
from ml.pipeline import Pipeline
from ml.report.schema import LyricLine, Report, Word
from ml.report.translation import Translator
from tests.ml.audio.sounds import encode, tone
from tests.ml.lyrics.speech_synthesis import WORDS, Voice, require_speech_synthesis, speak
from tests.ml.music import song as instrumental

VERSES = """I drink my whiskey by the river and I drive that old truck down the dusty road
My mama told me that the country and the Lord would always lead me to your heart
So I pick up my guitar tonight and sing about the girl I loved and lost in Tennessee
She left me standing in the rain on Sunday morning with a bottle and a prayer"""

AnalyserMaker = Callable[..., Pipeline]


@pytest.fixture
def with_lyrics(shipped_pipeline: Pipeline, tmp_path: Path) -> AnalyserMaker:
    """The shipped pipeline, which reads words too."""

    def make(asr_model: str | Path = "nobody/nothing") -> Pipeline:
        settings = LyricsSettings(str(asr_model), TEXT_MODEL, tmp_path / "models")
        return Pipeline(shipped_pipeline.model, shipped_pipeline.mood_model, LyricsAnalyser(settings))

    return make


def write_song(path: Path, seconds: float = 12.0) -> Path:
    soundfile.write(path, instrumental(seconds), SAMPLE_RATE)
    return path


def test_the_whole_way_from_sound_to_the_combined_genre(
    with_lyrics: AnalyserMaker, small_asr_model: Path, tmp_path: Path
) -> None:
    """Speech in a WAV is transcribed, and its words and its sound give a genre each, and one together."""
    require_speech_synthesis()
    numbers = random.Random(5)
    lines = [" ".join((*numbers.choices(WORDS, k=3), "never")) for _ in range(14)]
    pause = np.zeros(SAMPLE_RATE, np.float32)
    samples = np.concatenate([part for line in lines for part in (speak(line, Voice(gap=3)), pause)])
    path = tmp_path / "spoken.wav"
    soundfile.write(path, samples, SAMPLE_RATE)

    stages: list[tuple[str, float]] = []
    with with_lyrics(small_asr_model) as analyser:
        report = analyser.run(path, on_progress=lambda stage, share=0.0: stages.append((stage, share))).report

    assert report.tempo is not None
    lyrics = report.lyrics
    assert lyrics is not None and (lyrics.source, lyrics.model) == ("transcription", small_asr_model.name)
    found = [word.text.lower() for line in lyrics.lines for word in line.words]
    expected = " ".join(lines).split()
    assert len(found) >= 0.6 * len(expected)
    assert len([word for word in found if word in WORDS]) >= 0.6 * len(found)
    times = [word.start for line in lyrics.lines for word in line.words]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= len(samples) / SAMPLE_RATE
    assert all(0 < word.confidence <= 1 for line in lyrics.lines for word in line.words)
    assert lyrics.genre is not None and lyrics.combined is not None
    assert sum(score.probability for score in lyrics.combined.scores) == pytest.approx(1.0, abs=1e-3)
    assert {score.label for score in lyrics.combined.scores} == set(report.labels)
    shares = [share for stage, share in stages if stage == "lyrics"]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert Report.from_dict(report.to_dict()) == report


def test_words_in_tags_need_no_model(with_lyrics: AnalyserMaker, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(encode(tone(6.0, SAMPLE_RATE), SAMPLE_RATE, "MP3"))
    tags = ID3()
    tags.add(USLT(encoding=3, lang="eng", desc="", text=VERSES))
    tags.save(path)
    with with_lyrics() as analyser:
        report = analyser.analyse(path)
    assert report.lyrics is not None and report.lyrics.source == "tags"
    assert [line.text for line in report.lyrics.lines] == VERSES.split("\n")
    assert report.lyrics.genre is not None and report.lyrics.genre.top == "country"
    assert report.lyrics.combined is not None
    assert report.notes == () and report.timings["lyrics"] >= 0


def test_words_beside_a_song(with_lyrics: AnalyserMaker, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav")
    path.with_suffix(".lrc").write_text("[00:01.00]One two three\n[00:05.00]Four five six")
    with with_lyrics() as analyser:
        report = analyser.analyse(path)
    assert report.lyrics is not None and report.lyrics.source == "file"
    assert [line.start for line in report.lyrics.lines] == [1.0, 5.0]
    assert report.lyrics.genre is None, "six words say nothing about a genre"


def test_a_missing_model_is_a_note(with_lyrics: AnalyserMaker, tmp_path: Path) -> None:
    with with_lyrics() as analyser:
        report = analyser.analyse(write_song(tmp_path / "song.wav"))
    assert report.lyrics is None and report.genre.scores
    assert report.notes == (str(ModelMissingError(model="nobody/nothing")),)


def test_missing_packages_are_a_note(
    with_lyrics: AnalyserMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with with_lyrics() as analyser:
        report = analyser.analyse(write_song(tmp_path / "song.wav"))
    assert report.lyrics is None and report.notes == (str(PackagesMissingError()),)


def test_an_instrumental_has_no_words(with_lyrics: AnalyserMaker, small_asr_model: Path, tmp_path: Path) -> None:
    with with_lyrics(small_asr_model) as analyser:
        report = analyser.analyse(write_song(tmp_path / "song.wav"))
    assert report.lyrics is not None and report.lyrics.lines == () and report.lyrics.genre is None


def test_the_rest_of_the_report_stays_the_same(
    shipped_pipeline: Pipeline, with_lyrics: AnalyserMaker, tmp_path: Path
) -> None:
    path = write_song(tmp_path / "song.wav")
    with with_lyrics() as analyser:
        report = analyser.analyse(path)
    assert replace(report, notes=(), timings={}) == replace(shipped_pipeline.analyse(path), notes=(), timings={})


def test_notes_are_shown_in_korean() -> None:
    with_model = (ModelMissingError, ModelNameError, ModelKindError, ModelDamagedError)
    for error in (PackagesMissingError(), LyricsError(), *(kind(model="a/b") for kind in with_model)):
        assert any("가" <= letter <= "힣" for letter in Translator("ko").translate_filled(str(error)))


def test_confidence_is_that_of_the_words() -> None:
    words = (Word("a", 0.0, 1.0, 0.5), Word("b", 1.0, 2.0, 0.9))
    assert confidence((LyricLine("a b", words=words), LyricLine("c"))) == pytest.approx(0.7)
    assert confidence((LyricLine("written"),)) == 1.0


def test_a_pipeline_without_lyrics_loads_no_package_for_them() -> None:
    """In a process of its own. (Keras imports huggingface_hub where it finds it.)"""
    program = (
        "import sys, ml.pipeline as p\np.load().close()\n"
        "print(sorted({'torch', 'transformers', 'gensim'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_damaged_model_of_genres_costs_the_genre_alone(shipped_pipeline: Pipeline, tmp_path: Path) -> None:
    """The words stay, and a note says what is wrong."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "lyrics.npz").write_bytes(b"no weights")
    path = write_song(tmp_path / "song.wav")
    path.with_suffix(".txt").write_text(VERSES)
    settings = LyricsSettings("nobody/nothing", str(own), tmp_path)
    with Pipeline(shipped_pipeline.model, shipped_pipeline.mood_model, LyricsAnalyser(settings)) as analyser:
        report = analyser.analyse(path)
    assert report.lyrics is not None and len(report.lyrics.lines) == 4 and report.lyrics.genre is None
    assert len(report.notes) == 1 and "lyrics.npz" in report.notes[0]
