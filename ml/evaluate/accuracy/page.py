"""docs/accuracy.md, written from the figures. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterable

from ml.evaluate import markdown
from ml.evaluate.accuracy import page_estimates
from ml.evaluate.markdown import decimal, figure, image, percent, table
from ml.train.metrics import Figures

PUBLISHED = {
    "MFCC with an SVM": 0.534,
    "musicnn with an SVM": 0.772,
    "MERT": 0.786,
    "CLAP": 0.843,
    "MuQ, 300 M parameters": 0.856,
}
"""Accuracy on the same split, as the authors report it."""

INTRODUCTION = {
    "test": """The test split was not used while the model was made; each published model is measured on it once. It is
GTZAN's fault-filtered, artist-aware split (Kereliuk, Sturm & Larsen 2015), which papers report.""",
    "valid": """**This is a rehearsal, not the published measurement.** The test split was not used. In its place are
training songs, each classified by a model of the same recipe that was trained without the song's artist.""",
}
SIMILARITY = """How often the vectors behind similar tracks find the same song again, by harmony and by timbre, beside
common chroma descriptors, is measured in [neighbours.md](neighbours.md)."""
SOURCES = {
    "test": ("whole tracks by published tag probabilities (taggrams)", "clips end to end"),
    "valid": (
        "training tracks by published tag probabilities (taggrams), cross-validated",
        "validation clips end to end, cross-validated",
    ),
}
GENRE = """A taggram holds the trunk's tag probabilities over half a minute of a track; they are published for the whole
collection. The shipped head classifies them by its tag part alone. The clips are the audio that is available, most of
them three seconds long; they pass every step of an analysis: decoding, spectrogram, trunk, head. ECE is the expected
calibration error: how far the stated probabilities are from the share of correct answers."""
RANDOM_SPLIT = """Songs and methods are the same in each row; only the split differs. Random figures are the mean of
five draws, with the lowest and the highest. A random split leaks: pieces or copies of one recording, or songs of one
artist, are in both training and test data, and the model is rewarded for recognising them. The last column is what
to expect for a new song. [The lab](lab.md) has the classic models on all three kinds of split."""
CONFIDENT = {
    "songs": "clips of the ten genres",
    "speech": "speech",
    "noise_and_tones": "generated noise, tones and clicks",
    "other_style": "electronic music (Emotify), which is none of the ten genres",
}
ROBUSTNESS = {"training": "training clips", "test": "test split", "other": "other clips", "all": "all clips"}


def write(figures: Figures, plots: dict[str, str]) -> str:
    """The whole page; `plots` are file names in images/ by plot name."""
    model, genre = figures["model"], figures["genre"]
    return markdown.page(
        "Accuracy",
        figures["command"],
        f"`{figures['command']}` writes this page: every measured number and every plot comes from one run of it, with "
        f"the model `{model['name']}`, version {model['version']}. Square brackets hold 95% bootstrap intervals (the "
        "songs resampled many times).",
        INTRODUCTION[figures["split"]],
        SIMILARITY,
        *_genre(genre, SOURCES[figures["split"]], plots),
        *_confident(genre["confident"]),
        *_random_split(genre["random_split"]),
        *_other_collection(genre["emotify"]),
        *_robustness(genre["robustness"]),
        *page_estimates.write_rhythm(figures),
        *page_estimates.write_mood(figures["mood"]),
        *_provenance(figures),
    )


def _genre(genre: Figures, sources: tuple[str, str], plots: dict[str, str]) -> list[str]:
    rows = [
        (source, figure(part, bold=True), decimal(part["macro_f1"]), decimal(part["ece"]), str(part["n"]))
        for source, part in zip(sources, (genre["fault_filtered"], genre["end_to_end"]), strict=True)
    ]
    published = ", ".join(f"{name} {value:.3f}" for name, value in PUBLISHED.items())
    return [
        "## Genre",
        table(("input", "accuracy", "macro F1", "ECE", "songs"), rows),
        GENRE,
        f"Published on the test split: {published}.",
        image("Confusion matrix: true labels by row, Sori's answers by column", plots["confusion"]),
        image("Recall of each genre with its 95% interval", plots["recall"]),
        _by_label(genre["by_label"], genre["end_to_end"]["by_label"]),
        image("Precision and recall of each genre; the number is average precision", plots["precision-recall"]),
        image("Calibration: stated probability against accuracy", plots["calibration"]),
    ]


def _by_label(tracks: Figures, clips: Figures) -> str:
    rows = []
    for label, part in tracks.items():
        clip = clips.get(label)
        end_to_end = (percent(clip["recall"]), str(clip["n"])) if clip else ("", "0")
        recall = figure(part, "recall", percent)
        rows.append((label, recall, decimal(part["average_precision"]), str(part["n"]), *end_to_end))
    return table(("genre", "recall, tracks", "average precision", "tracks", "recall, clips", "clips"), rows)


def _confident(confident: Figures) -> list[str]:
    rows = [
        (text, figure(confident[name], "rate", percent), str(confident[name]["n"])) for name, text in CONFIDENT.items()
    ]
    right, others = (
        figure(confident[name], "accuracy", percent) for name in ("accuracy_when_confident", "accuracy_otherwise")
    )
    return [
        "### Confident answers",
        "A report calls its genre confident if one genre stands out and the sound resembles music.",
        table(("input", "confident answers", "files"), rows),
        f"Of the confident answers to clips {right} are correct, of the others {others}. Music of a style outside the "
        "training data can resemble one of the ten genres: a confident answer does not mean that the song belongs to "
        "one of them.",
    ]


def _random_split(split: Figures) -> list[str]:
    recipe, segments = split["recipe"], split["segments"]
    rows = [
        ("Sori's tag part, trained on taggrams", "", _range(recipe["random"]), decimal(recipe["filtered"])),
        (
            "an SVM on a published table of hand-crafted features",
            _range(segments["segment_wise"]),
            _range(segments["track_wise"]),
            decimal(segments["filtered"]),
        ),
    ]
    return [
        "### Random splits give too high figures",
        table(("accuracy", "random by 10 s segment", "random by track", "no artist on both sides"), rows),
        RANDOM_SPLIT,
    ]


def _range(part: Figures) -> str:
    return f"{decimal(part['accuracy'])} ({decimal(part['low'])} to {decimal(part['high'])})"


def _other_collection(emotify: Figures) -> list[str]:
    rows = [(label, figure(part, "recall", percent), str(part["n"])) for label, part in emotify["recall"].items()]
    mean = ("mean", figure(emotify, "mean_recall", percent, bold=True), str(emotify["n"]))
    return [
        "### Another collection",
        "The recipe was trained on GTZAN alone and tested on Emotify, whose clips were chosen and labelled by others."
        + (" The model measured above was trained on Emotify too." if emotify["in_training_data"] else ""),
        table(("label in Emotify", "recall", "clips"), [*rows, mean]),
    ]


def _robustness(robustness: Figures) -> list[str]:
    shown = [name for name in ROBUSTNESS if any(name in part for part in robustness.values())]
    rows = [(change, *(_same(part.get(name)) for name in shown)) for change, part in robustness.items()]
    return [
        "### Worse copies of the same song",
        "How often the first answer stays the same as for the unchanged file:",
        table(("change", *(ROBUSTNESS[name] for name in shown)), rows),
    ]


def _same(part: Figures | None) -> str:
    return f"{percent(part['same'], 1)} (n = {part['n']})" if part else ""


def _provenance(figures: Figures) -> list[str]:
    data, files = figures["data"], figures["model"]["files"]
    return [
        "## Files",
        "SHA-256 of the weights:",
        _hashes((f"weight/{name}", value) for name, value in files.items()),
        f"SHA-256 of the data. The {data['clip_count']} clips have one hash, computed from their names and hashes:",
        _hashes([*data["tables"].items(), ("all clips", data["clips"])]),
    ]


def _hashes(pairs: Iterable[tuple[str, str]]) -> str:
    return table(("file", "SHA-256"), [(f"`{name}`", f"`{value}`") for name, value in pairs])
