"""A small generated research collection with the layout of ../shared."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.features.bands import BandStatistics
from ml.features.mel import MEL_BANDS
from ml.models.card import Card
from ml.models.genre import BANDS_NAME, start_tensorflow
from ml.models.head import Head, Linear, assemble
from ml.models.trunk import BY_TAGS, EMBEDDING, TRUNK_OUTPUT_SIZE
from ml.train.genre.recipe import MUSIC_LIMITS
from tests.ml import tunes

LABELS = ("classical", "pop", "rock")
SPLITS = ("train", "train", "train", "valid", "valid", "test")
TAGGRAMS = {"train": range(10, 15), "test": range(15, 17)}
LONG, SECONDS = 2, (14.5, 4.0)
"""From this number on, clips of a label are short, like most clips of GTZAN here; the first ones are long enough for a
tempo estimate. Seconds of long and short clips."""

TEMPI = {"classical": 75, "pop": 100, "rock": 140, "electronic": 120}


def song(label: str, number: int, seconds: float) -> Floats:
    if label == "classical":
        chords = tunes.cadence(number % 12, "minor", repeats=1 + int(seconds / 3))
        chords = chords[: int(seconds * SAMPLE_RATE)]
        return chords + tunes.noise(len(chords) / SAMPLE_RATE, level=0.001, seed=number)[: len(chords)]
    beat = tunes.drums(TEMPI[label] + number, seconds)
    return beat + tunes.noise(seconds, level=0.02 if label == "pop" else 0.1, seed=number)


def length(name: str) -> float:
    return SECONDS[int(name[-2:]) >= LONG]


def bpm(name: str) -> int:
    """A chord lasts 0.8 s; the drums are faster with each song."""
    label = name.split(".")[0]
    return TEMPI[label] + (0 if label == "classical" else int(name[-2:]))


def make_shared(shared: Path) -> Path:
    gtzan = shared / "gtzan"
    clips = [(f"{label}.{i:05}", label, split) for label in LABELS for i, split in enumerate(SPLITS)]
    for name, label, _ in clips:
        write(gtzan / "clips" / label / f"{name}.wav", song(label, int(name[-2:]), length(name)))
    files = [(name, label, f"clips/{label}/{name}.wav", length(name), SAMPLE_RATE, s) for name, label, s in clips]
    table(gtzan / "clips.csv", ("id", "genre", "file", "seconds", "sample_rate", "split"), files)
    names = [name for name, _, _ in clips]
    names += [f"{label}.{i:05}" for label in LABELS for numbers in TAGGRAMS.values() for i in numbers]
    table(gtzan / "tracks.csv", ("id", "artist"), [(name, f"artist of {name}") for name in names])
    annotated = [name for name, _, split in clips if split != "test"]
    table(gtzan / "tempo.csv", ("id", "bpm"), [(name, bpm(name)) for name in annotated])
    table(gtzan / "key.csv", ("id", "key", "mode"), [(name, "C", "minor") for name in annotated])
    make_taggrams(gtzan)
    make_segments(gtzan, names)
    for number in range(2):
        for label in (*LABELS, "electronic"):
            clip = shared / "emotify" / "clips" / f"{label}.{number:03}.ogg"
            write(clip, song(label, 20 + number, 4.0))
    names = [f"{label}.{number:03}" for label in (*LABELS, "electronic") for number in range(2)]
    make_ratings(shared, {name: rating(name) for name in names})
    write(shared / "speech" / "voice.flac", tunes.tone(200, 3.0, timbre="strings"))
    table(shared / "speech" / "transcripts.csv", ("file", "kind"), [("voice.flac", "speech")])
    return shared


def rating(name: str) -> tuple[float, float, float]:
    """Calmness, power and joyful activation: rock and electronic music are exciting, the rest is calm."""
    shift = int(name[-1]) / 20
    exciting = name.startswith(("rock", "electronic"))
    return (0.1 + shift, 0.4 + shift, 0.3) if exciting else (0.6 + shift, 0.05, 0.1)


def make_ratings(shared: Path, ratings: dict[str, tuple[float, float, float]]) -> None:
    head = ("clip", "genre", "calmness", "power", "joyful_activation")
    rows = [(name, name.split(".")[0], *shares) for name, shares in ratings.items()]
    table(shared / "emotify" / "ratings.csv", head, rows)


def make_taggrams(gtzan: Path) -> None:
    random = np.random.default_rng(0)
    (gtzan / "taggrams").mkdir()
    for split, numbers in TAGGRAMS.items():
        names = np.repeat([f"{label}/{label}.{i:05}.wav" for label in LABELS for i in numbers], 3)
        levels = np.repeat(np.arange(len(LABELS)), 3 * len(numbers))[:, None]
        tags = random.beta(1 + levels, 5, (len(names), 50)).astype(np.float32)
        np.savez(gtzan / "taggrams" / f"{split}_filtered.npz", X=tags, IDS=names)


def make_segments(gtzan: Path, names: Sequence[str]) -> None:
    random = np.random.default_rng(0)
    rows = [
        (0, f"{name.replace('.', '_')}.wav", *random.random(3), LABELS.index(label), label, "Train")
        for name in names
        for label in [name.split(".")[0]] * 3
    ]
    head = ("Track ID", "File", "a", "b", "c", "GenreID", "Genre", "Type")
    table(gtzan / "features_10_sec.tsv", head, rows, delimiter="\t")
    (gtzan / "splits").mkdir()
    for split in ("train", "valid", "test"):
        side = [name for i, name in enumerate(names) if i % 3 == ("train", "valid", "test").index(split)]
        lines = [f"{name.split('.')[0]}/{name}.wav\n" for name in side]
        (gtzan / "splits" / f"{split}_filtered.txt").write_text("".join(lines))


def make_weights(path: Path) -> Path:
    """A weight file with an untrained trunk and a random head."""
    start_tensorflow()
    import keras

    from ml.models import trunk

    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)

    def linear(part: slice) -> Linear:
        size = len(range(*part.indices(TRUNK_OUTPUT_SIZE)))
        weights = random.standard_normal((size, len(LABELS))).astype(np.float32)
        return Linear(weights, np.zeros(len(LABELS), np.float32))

    assemble(trunk.build(), Head(linear(BY_TAGS), linear(EMBEDDING), 1.0)).save(path)
    bands = path.with_name(BANDS_NAME)
    BandStatistics.learn(random.random((300, MEL_BANDS)).astype(np.float32)).save(bands)
    settings = {"least_probability": 0.4, "tags_alone": 1.0, **MUSIC_LIMITS}
    Card("tiny", "1", LABELS, settings, {}, {}, "made in a test").save(path, bands)
    return path


def write(path: Path, samples: Floats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(samples, -1, 1), SAMPLE_RATE)


def table(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]], *, delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(head)
        writer.writerows(rows)


def make_sample(shared: Path, sample: Path) -> Path:
    """Links to a few real songs of each genre in the same layout; the test split has one taggram of a training song."""
    gtzan, copy = shared / "gtzan", sample / "gtzan"
    (copy / "taggrams").mkdir(parents=True)
    for name in ("clips", "splits", "tracks.csv", "tempo.csv", "key.csv"):
        (copy / name).symlink_to((gtzan / name).resolve())
    recordings = [f"LJ001-{number:04}.flac" for number in range(1, 9)]
    (sample / "speech").mkdir()
    for name in recordings:
        (sample / "speech" / name).symlink_to((shared / "speech" / name).resolve())
    table(sample / "speech" / "transcripts.csv", ("file", "kind"), [(name, "speech") for name in recordings])
    sample_clips(gtzan / "clips.csv", copy / "clips.csv")
    sample_lines(gtzan / "features_10_sec.tsv", copy / "features_10_sec.tsv")
    names = ("classical.001", "pop.001", "rock.001", "electronic.001")
    for name in names:
        source = next((shared / "emotify" / "clips").glob(f"{name}*.ogg"))
        (sample / "emotify" / "clips").mkdir(parents=True, exist_ok=True)
        (sample / "emotify" / "clips" / source.name).symlink_to(source.resolve())
    stems = [path.stem for path in sorted((sample / "emotify" / "clips").iterdir())]
    make_ratings(sample, {stem: rating(stem) for stem in stems})
    with np.load(gtzan / "taggrams" / "train_filtered.npz") as arrays:
        tags, names = arrays["X"], arrays["IDS"]
    selected = np.isin(names, np.unique(names)[::4])
    np.savez(copy / "taggrams" / "train_filtered.npz", X=tags[selected], IDS=names[selected])
    np.savez(copy / "taggrams" / "test_filtered.npz", X=tags[:1], IDS=np.array(["blues/blues.00012.wav"]))
    return sample


def sample_clips(source: Path, target: Path, *, short: int = 4, long: int = 1) -> None:
    """Short and long clips of the four genres that have both, without test clips."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] != "test"]
    sampled: list[dict[str, str]] = []
    for genre in ("blues", "classical", "country", "jazz"):
        clips = sorted((row for row in rows if row["genre"] == genre), key=lambda row: float(row["seconds"]))
        sampled += [*clips[:short], *clips[-long:]]
    table(target, list(rows[0]), [list(row.values()) for row in sampled])


def sample_lines(source: Path, target: Path, *, step: int = 8) -> None:
    """The header and every `step`-th track of three lines each."""
    head, *lines = source.read_text(encoding="utf-8").splitlines()
    sampled = [line for i, line in enumerate(lines) if i // 3 % step == 0]
    target.write_text("\n".join([head, *sampled]) + "\n", encoding="utf-8")
