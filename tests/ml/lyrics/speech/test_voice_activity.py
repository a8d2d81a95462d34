"""Sounds whose answer is known, and two real recordings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ml.audio.loading import load
from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.lyrics.speech.voice_activity import Stretch, find
from tests.conftest import SHARED
from tests.ml import music
from tests.ml.lyrics.speech_synthesis import Voice, require_speech_synthesis, speak

SECONDS = 10
TIME = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE


def bass_drum() -> Floats:
    time = TIME[: SAMPLE_RATE // 2]
    return np.tile(np.sin(2 * np.pi * 60 * time) * np.exp(-15 * time), 2 * SECONDS).astype(np.float32)


def snare() -> Floats:
    return np.concatenate([0.3 * music.drum(0.5, seed=number) for number in range(2 * SECONDS)])


def toms() -> Floats:
    time = TIME[: SAMPLE_RATE // 2]
    hits = [np.sin(2 * np.pi * hz * time) * np.exp(-8 * time) for hz in (140, 170, 200, 170)]
    return np.tile(np.concatenate(hits), SECONDS // 2).astype(np.float32)


NO_VOICE: dict[str, Callable[[], Floats]] = {
    "silence": lambda: np.zeros(len(TIME), np.float32),
    "very quiet noise": lambda: 1e-3 * music.white_noise(SECONDS),
    "white noise": lambda: music.white_noise(SECONDS),
    "brown noise": lambda: np.cumsum(music.white_noise(SECONDS)) * np.float32(0.05),
    "noise that swells like syllables": lambda: music.white_noise(SECONDS) * (1 + np.sin(2 * np.pi * 4 * TIME)),
    "tone": lambda: music.pure_tone(SECONDS),
    "two tones": lambda: music.pure_tone(SECONDS, hz=220) + music.pure_tone(SECONDS, hz=330),
    "sawtooth": lambda: (TIME * 220 % 1 - 0.5) * 0.3,
    "bass drum": bass_drum,
    "snare": snare,
    "toms": toms,
    "drum loop": lambda: 0.5 * bass_drum() + snare() + 0.4 * toms(),
    "chords and drums": lambda: music.song(SECONDS),
}


@pytest.mark.parametrize("name", NO_VOICE)
def test_what_is_no_voice_does_not_pass(name: str) -> None:
    assert find(np.asarray(NO_VOICE[name](), np.float32)) == []


@pytest.fixture(scope="module")
def speech() -> Floats:
    require_speech_synthesis()
    return speak("love in the night and fire on the river, money for the party and rain in the summer", Voice(rate=140))


def seconds(stretches: list[Stretch]) -> list[tuple[float, float]]:
    return [(stretch.start / SAMPLE_RATE, stretch.end / SAMPLE_RATE) for stretch in stretches]


def test_speech_between_silence_is_found_where_it_is(speech: Floats) -> None:
    pause = np.zeros(4 * SAMPLE_RATE, np.float32)
    length = len(speech) / SAMPLE_RATE
    first, second = seconds(find(np.concatenate([pause, speech, pause, speech, pause])))
    assert first == pytest.approx((4, 4 + length), abs=1.6)
    assert second == pytest.approx((8 + length, 8 + 2 * length), abs=1.6)
    assert first[0] <= 4 and first[1] >= 4 + length - 0.1  # not a syllable is lost


def test_speech_over_music_passes(speech: Floats) -> None:
    mixed = music.song(len(speech) / SAMPLE_RATE + 0.1)[: len(speech)] + speech
    ((start, end),) = seconds(find(mixed))
    assert end - start > 0.9 * len(speech) / SAMPLE_RATE


def test_volume_does_not_matter(speech: Floats) -> None:
    assert find(0.02 * speech) == find(speech) != []


def test_a_moment_of_sound_is_no_stretch() -> None:
    assert find(np.zeros(0, np.float32)) == find(np.ones(500, np.float32)) == []


@pytest.mark.data
@pytest.mark.parametrize("name", ["LJ001-0002.flac", "jonathan_coulton_monkey_shines.mp3"])
def test_real_speech_and_singing_pass(name: str) -> None:
    samples = load(SHARED / "speech" / name).samples
    assert sum(stretch.end - stretch.start for stretch in find(samples)) > 0.9 * len(samples)
