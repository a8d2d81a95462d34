"""One song with its descriptors, each computed at first use and cached.

`preprocess.py`, training, evaluation and the web service all use this class, so that a model gets the same features in
use as in training.
"""

from __future__ import annotations

from functools import cached_property

from ml.audio.loading import Audio
from ml.audio.settings import SAMPLE_RATE
from ml.features import chroma, mel, motion, musicality
from ml.features.arrays import Floats
from ml.features.bands import BandStatistics
from ml.features.chroma import Chromagram
from ml.features.handcrafted import extraction
from ml.features.handcrafted.extraction import HandcraftedFeatures
from ml.features.musicality import Musicality


class Track:
    def __init__(self, audio: Audio, bands: BandStatistics) -> None:
        self.audio = audio
        self._bands = bands

    @cached_property
    def samples(self) -> Floats:
        """Mono samples at SAMPLE_RATE, scaled to the common level."""
        return mel.level(self.audio.samples)

    @cached_property
    def recorded_mel(self) -> Floats:
        """Log-mel spectrogram (frames, MEL_BANDS) without imputed bands."""
        return mel.log_mel(self.samples)

    @cached_property
    def mel(self) -> Floats:
        """Log-mel spectrogram with imputed upper bands, for tempo and timbre."""
        return self._bands.impute(self.recorded_mel)

    @cached_property
    def windows(self) -> Floats:
        """Input of the trunk (windows, WINDOW_FRAMES, MEL_BANDS), with shrunk upper bands."""
        return mel.windows(self._bands.shrink(self.recorded_mel))

    @cached_property
    def musicality(self) -> Musicality:
        return musicality.measure(self.recorded_mel)

    @cached_property
    def mean_rise(self) -> Floats:
        """(frames,) mean rise over the mel bands."""
        return motion.mean_rise(self.recorded_mel)

    @cached_property
    def motion(self) -> Floats:
        return motion.measure(self.mean_rise)

    @cached_property
    def handcrafted(self) -> HandcraftedFeatures:
        return extraction.extract(self.samples, SAMPLE_RATE)

    @cached_property
    def chromagram(self) -> Chromagram:
        return chroma.chromagram(self.samples)
