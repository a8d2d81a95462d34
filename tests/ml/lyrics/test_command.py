"""`python -m ml.lyrics`, as a person types it."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")

from ml.audio.settings import SAMPLE_RATE
from ml.lyrics.__main__ import main, progress_of
from ml.lyrics.download import Listing, RemoteFile
from tests.ml import music
from tests.ml.lyrics.hub_server import Hub, served
from tests.ml.lyrics.speech_synthesis import sounds_alike, speak

Output = pytest.CaptureFixture[str]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    pause = np.zeros(2 * SAMPLE_RATE, np.float32)
    path = tmp_path / "노래.wav"
    soundfile.write(path, np.concatenate([pause, speak("fire river sun"), pause, pause]), SAMPLE_RATE)
    return path


def test_lines_are_printed_with_their_times(small_asr_model: Path, song: Path, capsys: Output) -> None:
    assert main(["transcribe", str(song), "--model", str(small_asr_model)]) == 0
    time, words = capsys.readouterr().out.split(maxsplit=1)
    assert time == "0:02" and sounds_alike(words, "fire river sun\n")


def test_json_has_the_time_of_each_word(small_asr_model: Path, song: Path, capsys: Output) -> None:
    assert main(["transcribe", str(song), "--model", str(small_asr_model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["file"], found["model"], found["dropped_words"]) == (str(song), "asr", 0)
    (line,) = found["lines"]
    assert [word["text"] for word in line["words"]] == line["text"].split()
    assert sounds_alike(line["text"], "fire river sun")
    assert 1.9 < line["words"][0]["start"] < 2.5 and 0 < line["words"][0]["confidence"] <= 1


def test_an_instrumental_has_no_words(small_asr_model: Path, tmp_path: Path, capsys: Output) -> None:
    soundfile.write(tmp_path / "a.wav", music.song(), SAMPLE_RATE)
    assert main(["transcribe", str(tmp_path / "a.wav"), "--model", str(small_asr_model)]) == 0
    assert capsys.readouterr().out == "No words found.\n"


def test_a_file_that_is_no_song_is_one_sentence(small_asr_model: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "a.mp3").write_text("not a song")
    for name in ("a.mp3", "missing.mp3"):
        assert main(["transcribe", str(tmp_path / name), "--model", str(small_asr_model)]) == 1
        output = capsys.readouterr()
        assert output.out == "" and output.err.count("\n") == 1 and "Traceback" not in output.err


def test_a_missing_model_says_what_to_type(song: Path, tmp_path: Path, capsys: Output) -> None:
    assert main(["transcribe", str(song), "--models", str(tmp_path)]) == 2
    assert "Download it with: python -m ml.lyrics fetch" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["transcribe"])
    assert caught.value.code == 2


def hub_of(folder: Path, *names: str) -> Hub:
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return Hub(dict.fromkeys(names, files))


def test_fetch_shows_size_and_licence_and_then_everything_is_offline(
    small_asr_model: Path, song: Path, tmp_path: Path, capsys: Output
) -> None:
    models = ["--models", str(tmp_path / "models")]
    with served(hub_of(small_asr_model, "someone/speech", "text")) as hub:
        assert main(["fetch", "--model", "someone/speech", "text", "--yes", *models], endpoint=hub.address) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^someone/speech: [\d.]+ MB, licence: apache-2.0$", shown, re.MULTILINE)
    assert shown.endswith("text is ready.\n") and "Download to" not in shown
    assert main(["fetch", "--model", "text", *models], endpoint=hub.address) == 0  # the hub is gone
    assert "text is on this machine already." in capsys.readouterr().out
    assert main(["transcribe", str(song), "--model", "someone/speech", *models]) == 0
    assert "fire river sun" in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["n\n", "", "\n", "what\n"])
def test_nothing_is_downloaded_without_a_yes(
    small_text_model: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with served(hub_of(small_text_model, "text")) as hub:
        assert main(["fetch", "--model", "text", "--models", str(tmp_path / "m")], endpoint=hub.address) == 1
        assert all("/resolve/" not in path for path, _ in hub.requests)
    assert "Nothing was downloaded." in capsys.readouterr().out
    assert not (tmp_path / "m").exists()


def test_a_yes_starts_the_download(small_text_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with served(hub_of(small_text_model, "text")) as hub:
        assert main(["fetch", "--model", "text", "--models", str(tmp_path)], endpoint=hub.address) == 0
    assert (tmp_path / "text/model.safetensors").read_bytes() == (small_text_model / "model.safetensors").read_bytes()
    shutil.rmtree(tmp_path / "text")


def test_failures_of_a_download_are_one_sentence(tmp_path: Path, capsys: Output) -> None:
    with served(Hub({})) as hub:
        assert main(["fetch", "--yes", "--models", str(tmp_path)], endpoint=hub.address) == 1
        assert "no public model called facebook/wav2vec2-base-960h" in capsys.readouterr().err
    assert main(["fetch", "--yes", "--models", str(tmp_path)], endpoint=hub.address) == 1
    error = capsys.readouterr().err
    assert error == "The model hub cannot be reached. Check the network connection and run the same command again.\n"


def test_progress_says_how_much_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("ml.lyrics.__main__.show_progress", shown.append)
    listing = Listing("a/b", "0" * 40, "mit", (RemoteFile("model.safetensors", 100_000_000, None),))
    seconds = iter([0.0, 1.0, 1.1, 11.0, 21.0])
    show = progress_of(listing, lambda: next(seconds))
    for done in (20_000_000, 21_000_000, 42_000_000, 100_000_000):  # the first 20 MB were there before
        show(done)
    assert shown == ["a/b: 20 of 100 MB", "a/b: 42 of 100 MB, 0:29 left", "a/b: 100 of 100 MB, 0:00 left"]
