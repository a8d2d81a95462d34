"""The trunk compared with the published network and with the published tags of real songs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.audio.loading import load
from ml.features.arrays import Floats
from ml.features.mel import log_mel, windows
from ml.models import trunk
from ml.pipeline import Pipeline
from ml.train.data.corpus import read_gtzan_clips, read_taggrams
from ml.train.trunk import CHECKPOINT, Checkpoint, convert
from tests.ml.music import song, white_noise

PUBLISHED_HOP_FRAMES = 61
"""One second, as the published taggrams were cut."""


def published_network(checkpoint: Checkpoint, spectrogram: Floats) -> tuple[Any, Any]:
    """musicnn as published: every filter, ReLU, batch normalisation, then the maximum over frequency."""
    import tensorflow as tf

    def normalised(x: Any, number: int) -> Any:
        gamma, beta, mean, variance = checkpoint.normalisation(number)
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    image = normalised(spectrogram[..., None], 0)
    front = []
    for number in range(5):
        kernel, bias = checkpoint.weights("conv2d", number)
        padded = tf.pad(image, [[0, 0], [3, 3], [0, 0], [0, 0]]) if number < 2 else image
        answers = tf.nn.conv2d(padded, kernel, 1, "VALID" if number < 2 else "SAME")
        front.append(tf.reduce_max(normalised(tf.nn.relu(answers + bias), number + 1), axis=2))
    series = [tf.concat(front, axis=2)]
    for number in (5, 6, 7):
        kernel, bias = checkpoint.weights("conv2d", number)
        answers = tf.nn.relu(tf.nn.conv1d(series[-1], kernel[:, :, 0, :], 1, "SAME") + bias)
        answers = normalised(answers, number + 1)
        series.append(answers if number == 5 else answers + series[-1])
    channels = tf.concat(series, axis=2)
    pooled = tf.stack([tf.reduce_max(channels, axis=1), tf.reduce_mean(channels, axis=1)], axis=2)
    kernel, bias = checkpoint.weights("dense", 0)
    flat = normalised(tf.reshape(pooled, [len(spectrogram), -1]), 9)
    embedding = normalised(tf.nn.relu(flat @ kernel + bias), 10)
    kernel, bias = checkpoint.weights("dense", 1)
    return tf.sigmoid(embedding @ kernel + bias).numpy(), embedding.numpy()


def test_the_trunk_without_zero_filters_equals_the_published_network(published_wheel: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    model = convert(published_wheel, tmp_path)
    with zipfile.ZipFile(published_wheel) as archive:
        for suffix in ("index", "data-00000-of-00001"):
            (tmp_path / f"whole.{suffix}").write_bytes(archive.read(f"{CHECKPOINT}.{suffix}"))
    checkpoint = Checkpoint(tf.train.load_checkpoint(str(tmp_path / "whole")).get_tensor)
    spectrogram = windows(log_mel(np.concatenate([song(9.0), white_noise(3.0), 0 * song(3.0)])))
    tags, embedding = published_network(checkpoint, spectrogram)
    ours = model(spectrogram, training=False)
    np.testing.assert_allclose(ours["tags"], tags, atol=2e-5)
    np.testing.assert_allclose(ours["embedding"], embedding, atol=5e-4)


def test_the_shipped_trunk_is_the_converted_one(
    published_wheel: Path, tmp_path: Path, shipped_pipeline: Pipeline
) -> None:
    converted = convert(published_wheel, tmp_path)
    shipped = shipped_pipeline.model.model.trunk
    for ours, theirs in zip(shipped.get_weights(), converted.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    wheel.write_bytes(b"PK")
    with pytest.raises(ValueError, match="SHA-256"):
        convert(wheel, tmp_path)


@pytest.mark.data
def test_the_tags_of_real_songs_are_the_published_ones(shared: Path, shipped_pipeline: Pipeline) -> None:
    """On clips of whole tracks with full bandwidth, where the published model had the same input."""
    published = {e.name: e.taggram for split in ("train", "test") for e in read_taggrams(shared, split)}
    compared = 0
    for clip in read_gtzan_clips(shared):
        audio = load(clip.audio) if clip.name in published else None
        if audio is None or audio.duration_seconds < 29 or audio.sample_rate < 16_000:
            continue
        cut = windows(log_mel(audio.samples), hop_frames=PUBLISHED_HOP_FRAMES)
        ours = np.concatenate([shipped_pipeline.model.model.run_trunk(cut[i : i + 1]).numpy() for i in range(len(cut))])
        theirs = published[clip.name]
        assert theirs is not None
        mean = ours[:, : len(trunk.TAGS)].mean(axis=0), theirs.mean(axis=0)
        assert np.corrcoef(*mean)[0, 1] >= 0.99, clip.name
        compared += 1
    assert compared >= 5
