"""Pictures of a song: loud parts are bright and in the right place, for any length."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ml.features import images
from ml.features.chroma import Chromagram


def pixels(png: bytes) -> np.ndarray:
    """Brightness (rows from the bottom, columns)."""
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    return np.asarray(picture.convert("L"), float)[::-1]


def test_peaks_follow_the_loudness() -> None:
    samples = np.concatenate([np.full(8000, 0.1), np.full(8000, -0.4)]).astype(np.float32)
    found = images.peaks(samples)
    assert len(found) == images.PEAKS
    assert set(found[:400]) == {64} and set(found[400:]) == {255}


@pytest.mark.parametrize("samples", [np.zeros(5, np.float32), np.ones(3, np.float32)])
def test_a_short_or_silent_song_has_waveform_peaks(samples: np.ndarray) -> None:
    assert set(images.peaks(samples)) == {255 if samples.any() else 0}


@pytest.mark.parametrize("frames", [1, 100, 5000])
def test_a_spectrogram_is_bright_where_the_sound_is(frames: int) -> None:
    mel = np.zeros((frames, 96), np.float32)
    mel[frames // 2 :, 80] = 3.0
    drawn = pixels(images.spectrogram(mel))
    assert drawn.shape == (96, images.COLUMNS)
    row, _ = np.unravel_index(drawn.argmax(), drawn.shape)
    assert row == 80
    if frames > 1:
        assert drawn[80, -1] > drawn[80, 0] + 100


def test_a_chromagram_has_c_at_the_bottom() -> None:
    notes = np.zeros((50, 12), np.float32)
    notes[:, 0] = 1
    drawn = pixels(images.chromagram(Chromagram.of_chords(notes, notes)))
    assert drawn.shape == (12 * images.PITCH_ROWS, images.COLUMNS)
    assert drawn[: images.PITCH_ROWS].min() > drawn[images.PITCH_ROWS :].max()


def test_a_silent_song_can_be_drawn() -> None:
    silence = np.zeros((30, 12), np.float32)
    assert pixels(images.chromagram(Chromagram.of_chords(silence, silence))).std() == 0
    assert pixels(images.spectrogram(np.zeros((30, 96), np.float32))).std() == 0
