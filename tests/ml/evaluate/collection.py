"""A research collection in miniature, made here: the layout of ../shared with songs that nobody recorded."""

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
from ml.models.genre import BANDS_NAME, BY_TAGS, EMBEDDING, TRUNK_OUTPUT_SIZE, start_tensorflow
from ml.models.head import Head, Linear, assemble
from ml.train.genre.recipe import MUSIC_LIMITS
from tests.ml import tunes

LABELS = ("classical", "pop", "rock")
SPLITS = ("train", "train", "train", "valid", "valid", "test")
TAGGRAMS = {"train": range(10, 15), "test": range(15, 17)}
LONG, SECONDS = 2, (14.5, 4.0)
"""So many clips of a label are long enough for a tempo; the others are short, as most of GTZAN's are here."""

TEMPI = {"classical": 75, "pop": 100, "rock": 140, "electronic": 120}


def song(label: str, number: int, seconds: float) -> Floats:
    if label == "classical":
        sound = tunes.cadence(number % 12, "minor", repeats=1 + int(seconds / 3))[
            : int(seconds * SAMPLE_RATE)
        ]
        return sound + tunes.noise(len(sound) / SAMPLE_RATE, level=0.001, seed=number)[: len(sound)]
    beat = tunes.drums(TEMPI[label] + number, seconds)
    return beat + tunes.noise(seconds, level=0.02 if label == "pop" else 0.1, seed=number)


def length(name: str) -> float:
    return SECONDS[int(name[-2:]) >= LONG]


def bpm(name: str) -> int:
    """A chord lasts 0.8 s; the drums grow faster from song to song."""
    label = name.split(".")[0]
    return TEMPI[label] + (0 if label == "classical" else int(name[-2:]))


def make_shared(shared: Path) -> Path:
    gtzan = shared / "gtzan"
    clips = [(f"{label}.{i:05}", label, split) for label in LABELS for i, split in enumerate(SPLITS)]
    for name, label, _ in clips:
        write(gtzan / "clips" / label / f"{name}.wav", song(label, int(name[-2:]), length(name)))
    files = [
        (name, label, f"clips/{label}/{name}.wav", length(name), SAMPLE_RATE, s) for name, label, s in clips
    ]
    table(gtzan / "clips.csv", ("id", "genre", "file", "seconds", "sample_rate", "split"), files)
    names = [name for name, _, _ in clips]
    names += [f"{label}.{i:05}" for label in LABELS for numbers in TAGGRAMS.values() for i in numbers]
    table(gtzan / "tracks.csv", ("id", "artist"), [(name, f"artist of {name}") for name in names])
    known = [name for name, _, split in clips if split != "test"]
    table(gtzan / "tempo.csv", ("id", "bpm"), [(name, bpm(name)) for name in known])
    table(gtzan / "key.csv", ("id", "key", "mode"), [(name, "C", "minor") for name in known])
    make_taggrams(gtzan)
    make_segments(gtzan, names)
    for number in range(2):
        for label in (*LABELS, "electronic"):
            sound = song(label, 20 + number, 4.0)
            write(shared / "emotify" / "clips" / f"{label}.{number:03}.ogg", sound)
    names = [f"{label}.{number:03}" for label in (*LABELS, "electronic") for number in range(2)]
    make_ratings(shared, {name: felt(name) for name in names})
    write(shared / "speech" / "voice.flac", tunes.tone(200, 3.0, timbre="strings"))
    table(shared / "speech" / "transcripts.csv", ("file", "kind"), [("voice.flac", "speech")])
    return shared


def felt(name: str) -> tuple[float, float, float]:
    """Calmness, power and joyful activation: rock and electronic music stir, the rest soothes."""
    shift = int(name[-1]) / 20
    stirring = name.startswith(("rock", "electronic"))
    return (0.1 + shift, 0.4 + shift, 0.3) if stirring else (0.6 + shift, 0.05, 0.1)


def make_ratings(shared: Path, ratings: dict[str, tuple[float, float, float]]) -> None:
    head = ("clip", "genre", "calmness", "power", "joyful_activation")
    rows = [(name, name.split(".")[0], *felt) for name, felt in ratings.items()]
    table(shared / "emotify" / "ratings.csv", head, rows)


def make_taggrams(gtzan: Path) -> None:
    random = np.random.default_rng(0)
    (gtzan / "taggrams").mkdir()
    for split, numbers in TAGGRAMS.items():
        names = np.repeat([f"{label}/{label}.{i:05}.wav" for label in LABELS for i in numbers], 3)
        levels = np.repeat(np.arange(len(LABELS)), 3 * len(numbers))[:, None]
        heard = random.beta(1 + levels, 5, (len(names), 50)).astype(np.float32)
        np.savez(gtzan / "taggrams" / f"{split}_filtered.npz", X=heard, IDS=names)


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
        mine = [name for i, name in enumerate(names) if i % 3 == ("train", "valid", "test").index(split)]
        lines = [f"{name.split('.')[0]}/{name}.wav\n" for name in mine]
        (gtzan / "splits" / f"{split}_filtered.txt").write_text("".join(lines))


def make_weights(path: Path) -> Path:
    """A weight file with an untrained trunk and a head of random numbers."""
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


def write(path: Path, sound: Floats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(sound, -1, 1), SAMPLE_RATE)


def table(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]], *, delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(head)
        writer.writerows(rows)


def make_sample(shared: Path, sample: Path) -> Path:
    """A few real songs of each genre in the same layout, linked; the test split's taggrams are noise."""
    gtzan, copy = shared / "gtzan", sample / "gtzan"
    (copy / "taggrams").mkdir(parents=True)
    for name in ("clips", "splits", "tracks.csv", "tempo.csv", "key.csv"):
        (copy / name).symlink_to((gtzan / name).resolve())
    spoken = [f"LJ001-{number:04}.flac" for number in range(1, 9)]
    (sample / "speech").mkdir()
    for name in spoken:
        (sample / "speech" / name).symlink_to((shared / "speech" / name).resolve())
    table(sample / "speech" / "transcripts.csv", ("file", "kind"), [(name, "speech") for name in spoken])
    sample_clips(gtzan / "clips.csv", copy / "clips.csv")
    sample_lines(gtzan / "features_10_sec.tsv", copy / "features_10_sec.tsv")
    names = ("classical.001", "pop.001", "rock.001", "electronic.001")
    for name in names:
        source = next((shared / "emotify" / "clips").glob(f"{name}*.ogg"))
        (sample / "emotify" / "clips").mkdir(parents=True, exist_ok=True)
        (sample / "emotify" / "clips" / source.name).symlink_to(source.resolve())
    stems = [path.stem for path in sorted((sample / "emotify" / "clips").iterdir())]
    make_ratings(sample, {stem: felt(stem) for stem in stems})
    with np.load(gtzan / "taggrams" / "train_filtered.npz") as arrays:
        heard, names = arrays["X"], arrays["IDS"]
    kept = np.isin(names, np.unique(names)[::4])
    np.savez(copy / "taggrams" / "train_filtered.npz", X=heard[kept], IDS=names[kept])
    np.savez(copy / "taggrams" / "test_filtered.npz", X=heard[:1], IDS=np.array(["blues/blues.00012.wav"]))
    return sample


def sample_clips(source: Path, target: Path, *, short: int = 4, long: int = 1) -> None:
    """Short and long clips of the four genres that have both, no test clip among them."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] != "test"]
    kept: list[dict[str, str]] = []
    for genre in ("blues", "classical", "country", "jazz"):
        mine = sorted((row for row in rows if row["genre"] == genre), key=lambda row: float(row["seconds"]))
        kept += [*mine[:short], *mine[-long:]]
    table(target, list(rows[0]), [list(row.values()) for row in kept])


def sample_lines(source: Path, target: Path, *, step: int = 8) -> None:
    """The head and every so many tracks of three lines each."""
    head, *lines = source.read_text(encoding="utf-8").splitlines()
    kept = [line for i, line in enumerate(lines) if i // 3 % step == 0]
    target.write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
