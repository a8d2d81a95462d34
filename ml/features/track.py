"""One song as the analysers see it: each descriptor is computed when first asked for, and once.

`preprocess.py`, training, evaluation and the web service all describe a song with this class, so a model never meets
features in use that differ from those it learnt from.
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
        """Mono at SAMPLE_RATE, at one loudness."""
        return mel.level(self.audio.samples)

    @cached_property
    def recorded_mel(self) -> Floats:
        """Log-mel spectrogram as recorded."""
        return mel.log_mel(self.samples)

    @cached_property
    def mel(self) -> Floats:
        """Log-mel spectrogram with the bands filled in that a narrow recording lacks: what the beat is read from."""
        return self._bands.impute(self.recorded_mel)

    @cached_property
    def windows(self) -> Floats:
        """What the trunk looks at, its upper bands evened out over recordings."""
        return mel.windows(self._bands.shrink(self.recorded_mel))

    @cached_property
    def musicality(self) -> Musicality:
        return musicality.measure(self.recorded_mel)

    @cached_property
    def rises(self) -> Floats:
        """How strongly the music rises in each frame."""
        return motion.strength(self.recorded_mel)

    @cached_property
    def motion(self) -> Floats:
        return motion.measure(self.rises)

    @cached_property
    def handcrafted(self) -> HandcraftedFeatures:
        """The features that classical models look at."""
        return extraction.extract(self.samples, SAMPLE_RATE)

    @cached_property
    def chromagram(self) -> Chromagram:
        return chroma.chromagram(self.samples)
