"""The part of the accuracy page on tempo and key."""

from __future__ import annotations

from ml.evaluate.figures import Figures
from ml.evaluate.markdown import decimal, table

WAYS = {
    "beat_track": "`librosa.beat.beat_track`",
    "tempo": "`librosa.feature.tempo`",
    "cqt": "`librosa.feature.chroma_cqt`",
    "stft": "`librosa.feature.chroma_stft`",
}


def write(figures: Figures) -> list[str]:
    tempo, key, plain = figures["tempo"], figures["key"], figures["librosa"]
    return [
        "## Tempo",
        _tempo_table(tempo, plain["tempo"]),
        "Accuracy 1: within 4 % of the annotation. Accuracy 2: a third, half, double and triple count as well. "
        f"Clips of {tempo['seconds']:.0f} s and longer with an annotation; none of the test split "
        "has one. The weights that ship were fitted on these clips and meet the genre as the model that learnt from "
        "them sees it, so the first row flatters. In the second, weights, priors and the genre's probabilities come "
        "from models that never met the artist: that is what a new song will meet.",
        "## Key",
        _key_table(key, plain["key"]),
        "MIREX gives 0.5 for the fifth above, 0.3 for the relative and 0.2 for the parallel key. Plain librosa is a "
        "mean chromagram against the profiles of Krumhansl and Kessler; the better of its two chromagrams stands "
        "here, as does the better of two tempo estimators above.",
        "The other ways: " + _others(plain),
    ]


def _tempo_table(tempo: Figures, plain: Figures) -> str:
    rows = {
        "Sori as shipped (in-sample)": tempo,
        "Sori, held out by artist": tempo["cross_validated"],
        f"librosa ({WAYS[plain['way']]})": plain,
    }
    names = ("without classical", "classical", "all")
    head = [f"{name} (n = {part['n']})" for name, part in zip(names, _parts(tempo), strict=True)]
    lines = [
        (name, *(f"{decimal(part['accuracy1'])} / {decimal(part['accuracy2'])}" for part in _parts(row)))
        for name, row in rows.items()
    ]
    return table(("accuracy 1 / 2", *head), lines)


def _parts(row: Figures) -> tuple[Figures, ...]:
    return row["without_classical"], row["classical"], row


def _key_table(key: Figures, plain: Figures) -> str:
    rows = {
        "Sori as shipped (in-sample)": key,
        "Sori, held out by artist": key["cross_validated"],
        f"librosa ({WAYS[plain['way']]}) and Krumhansl": plain,
    }
    lines = [(name, decimal(row["accuracy"]), decimal(row["mirex"])) for name, row in rows.items()]
    return table((f"n = {key['n']}", "accuracy", "MIREX score"), lines)


def _others(plain: Figures) -> str:
    tempi = [
        f"{WAYS[way]} {decimal(part['accuracy1'])} / {decimal(part['accuracy2'])} over all clips"
        for way, part in plain["tempo"]["ways"].items()
        if way != plain["tempo"]["way"]
    ]
    keys = [
        f"{WAYS[way]} {decimal(part['accuracy'])}"
        for way, part in plain["key"]["ways"].items()
        if way != plain["key"]["way"]
    ]
    return ", ".join(tempi + keys) + "."
