"""Models of every kind in the hub's format, and folders that are no model or mean harm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.lyrics.errors import ModelDamagedError, ModelKindError
from ml.lyrics.speech.recognition import load
from ml.lyrics.transcription import ignore_share
from tests.ml import music
from tests.ml.lyrics.speech_synthesis import Voice, sounds_alike, speak

SENTENCE = "love window fire summer money night river"


@pytest.fixture
def copy(small_asr_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_asr_model, tmp_path / "model"))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_word_on_the_border_of_two_chunks_stays_whole(small_asr_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short chunks give the words and times of one chunk."""
    recogniser = load(small_asr_model, "small")
    samples = speak(SENTENCE, Voice(rate=130))
    whole = recogniser.recognise(samples, ignore_share)
    shares: list[float] = []
    monkeypatch.setattr("ml.lyrics.speech.ctc.CHUNK_SECONDS", 2.0)
    monkeypatch.setattr("ml.lyrics.speech.ctc.OVERLAP_SECONDS", 1.2)
    cut = recogniser.recognise(samples, shares.append)
    assert len(cut) == len(whole) >= 5
    assert all(sounds_alike(one.text, other.text) for one, other in zip(cut, whole, strict=True))
    assert [word.start for word in cut] == pytest.approx([word.start for word in whole], abs=0.041)
    assert len(shares) > 3 and shares == sorted(shares) and shares[-1] == 1


def test_times_and_confidences_of_words(small_asr_model: Path) -> None:
    samples = speak(SENTENCE, Voice(rate=130, gap=10))
    words = load(small_asr_model, "small").recognise(samples, ignore_share)
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times) and times[-1] <= len(samples) / SAMPLE_RATE
    assert np.mean([word.confidence for word in words]) > 0.8
    assert all(word.text == word.text.lower() for word in words)


def test_noise_makes_the_model_less_sure(small_asr_model: Path) -> None:
    recogniser = load(small_asr_model, "small")
    samples = speak(SENTENCE)
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)

    def confidence(sound: Floats) -> float:
        return float(np.mean([word.confidence for word in recogniser.recognise(sound, ignore_share)]))

    assert confidence(samples) > confidence(samples + 0.1 * noise) + 0.05


@pytest.mark.parametrize("length", [1, 100, 5000])
def test_a_very_short_stretch_is_no_error(small_asr_model: Path, small_whisper_model: Path, length: int) -> None:
    for folder in (small_asr_model, small_whisper_model):
        words = load(folder, "small").recognise(music.white_noise(1.0)[:length], ignore_share)
        assert all(word.end <= 0.5 for word in words)


def test_a_model_of_another_kind_is_refused(small_text_model: Path, copy: Path) -> None:
    with pytest.raises(ModelKindError, match="my-bert does not turn speech into text"):
        load(small_text_model, "my-bert")
    edit_config(copy, architectures=["Wav2Vec2ForSequenceClassification"])
    with pytest.raises(ModelKindError):
        load(copy, "a classifier")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.json"])
@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"[1, 2]", b'{"a":'])
def test_a_damaged_folder_is_one_sentence(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises((ModelDamagedError, ModelKindError), match=r"The model mine"):
        load(copy, "mine")


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    edit_config(copy, hidden_size=64)
    with pytest.raises(ModelDamagedError):
        load(copy, "mine")


def test_code_in_the_folder_is_never_run(copy: Path, tmp_path: Path) -> None:
    """A model type of its own, whose module would leave a file."""
    trace = tmp_path / "trace"
    code = f"open({str(trace)!r}, 'w').close()\nfrom transformers import Wav2Vec2Config as C, Wav2Vec2ForCTC as M\n"
    (copy / "own.py").write_text(code)
    auto = {"AutoConfig": "own.C", "AutoModelForCTC": "own.M", "AutoFeatureExtractor": "own.C"}
    edit_config(copy, auto_map=auto, model_type="own")
    with pytest.raises(ModelDamagedError):
        load(copy, "mine")
    assert not trace.exists()


class Trace:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_pickled_weights_run_no_code(copy: Path, tmp_path: Path) -> None:
    import torch

    (copy / "model.safetensors").unlink()
    torch.save({"lm_head.weight": Trace(tmp_path / "trace")}, copy / "pytorch_model.bin")
    with pytest.raises(ModelDamagedError):
        load(copy, "mine")
    assert not (tmp_path / "trace").exists()


def test_pickled_weights_that_are_only_arrays_are_loaded(copy: Path) -> None:
    """Some published models have no others."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    words = load(copy, "mine").recognise(speak("fire river sun"), ignore_share)
    assert sounds_alike(" ".join(word.text for word in words), "fire river sun")
