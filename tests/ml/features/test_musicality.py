from __future__ import annotations

import pytest

from ml.features.arrays import Floats
from ml.features.mel import level, log_mel
from ml.features.musicality import Musicality, measure
from ml.train.genre.recipe import MUSIC_LIMITS
from tests.ml.music import babble, pure_tone, song, white_noise


def musicality_of(sound: Floats) -> Musicality:
    return measure(log_mel(level(sound)))


@pytest.mark.parametrize("bpm", [70, 120, 180])
def test_a_song_is_musical(bpm: float) -> None:
    music = musicality_of(song(bpm=bpm))
    assert music.pauses <= MUSIC_LIMITS["most_pauses"]
    assert music.peakiness >= MUSIC_LIMITS["least_peakiness"]
    assert music.spread >= MUSIC_LIMITS["least_spread"]


def test_speech_has_pauses() -> None:
    assert musicality_of(babble()).pauses > MUSIC_LIMITS["most_pauses"]


def test_noise_has_no_peaks() -> None:
    assert musicality_of(white_noise()).peakiness < MUSIC_LIMITS["least_peakiness"]


def test_a_test_tone_has_few_bands() -> None:
    assert musicality_of(pure_tone()).spread < MUSIC_LIMITS["least_spread"]
