"""The parts of the accuracy page on tempo, key and mood."""

from __future__ import annotations

from ml.evaluate.markdown import decimal, figure, percent, table
from ml.train.metrics import Figures

LIBROSA_METHODS = {
    "beat_track": "`librosa.beat.beat_track`",
    "tempo": "`librosa.feature.tempo`",
    "cqt": "`librosa.feature.chroma_cqt`",
    "stft": "`librosa.feature.chroma_stft`",
}
MOOD_METHODS = {
    "whole": "Sori, whole clip",
    "middle": "Sori, tested on 5 s from the middle",
    "middle_alone": "Sori, trained and tested on 5 s from the middle",
    "genre_left_out": "Sori, trained without the clip's genre",
    "tags_alone": "tag probabilities alone, without motion",
    "picture": "a small network on 128 × 128 mel pictures (one draw)",
}
SHIPPED, HELD_OUT = "Sori as shipped (in-sample)", "Sori, held out by artist"


def write_rhythm(figures: Figures) -> list[str]:
    tempo, key, librosa = figures["tempo"], figures["key"], figures["librosa"]
    return [
        "## Tempo",
        _tempo_table(tempo, librosa["tempo"]),
        "Accuracy 1: within 4% of the annotation. Accuracy 2: a third, half, double and triple of it are correct too. "
        f"Measured on clips of {tempo['seconds']:.0f} s or longer with an annotation; no song of the test split has "
        "one. The shipped weights were fitted on these clips, and the genre model was trained on them, so the first "
        "row is too high. In the second row weights, priors and genre probabilities come from models trained without "
        "the song's artist: that is what to expect for a new song.",
        "## Key",
        _key_table(key, librosa["key"]),
        "The MIREX score counts 0.5 for the fifth above, 0.3 for the relative and 0.2 for the parallel key. Plain "
        "librosa is a mean chromagram compared with the profiles of Krumhansl and Kessler. The tables show the better "
        "of its two tempo estimators and of its two chromagrams.",
        f"The other methods: {_other_methods(librosa)}.",
    ]


def _tempo_table(tempo: Figures, librosa: Figures) -> str:
    rows = _compared(tempo, f"librosa ({LIBROSA_METHODS[librosa['method']]})", librosa)
    names = ("without classical", "classical", "all")
    head = [f"{name} (n = {part['n']})" for name, part in zip(names, _parts(tempo), strict=True)]
    return table(("accuracy 1 / 2", *head), [(name, *map(_accuracies, _parts(row))) for name, row in rows.items()])


def _compared(shipped: Figures, other_name: str, other: Figures) -> dict[str, Figures]:
    return {SHIPPED: shipped, HELD_OUT: shipped["cross_validated"], other_name: other}


def _parts(row: Figures) -> tuple[Figures, ...]:
    return row["without_classical"], row["classical"], row


def _accuracies(part: Figures) -> str:
    return f"{decimal(part['accuracy1'])} / {decimal(part['accuracy2'])}"


def _key_table(key: Figures, librosa: Figures) -> str:
    rows = _compared(key, f"librosa ({LIBROSA_METHODS[librosa['method']]}) and Krumhansl", librosa)
    lines = [(name, decimal(row["accuracy"]), decimal(row["mirex"])) for name, row in rows.items()]
    return table((f"n = {key['n']}", "accuracy", "MIREX score"), lines)


def _other_methods(librosa: Figures) -> str:
    def others(part: Figures) -> list[tuple[str, Figures]]:
        return [(LIBROSA_METHODS[name], row) for name, row in part["methods"].items() if name != part["method"]]

    tempi = [f"{name} {_accuracies(row)} over all clips" for name, row in others(librosa["tempo"])]
    keys = [f"{name} {decimal(row['accuracy'])}" for name, row in others(librosa["key"])]
    return ", ".join(tempi + keys)


def write_mood(mood: Figures) -> list[str]:
    rows = [
        (
            name,
            figure(mood[method], bold=method == "whole"),
            figure(mood[method]["r"], "value"),
            figure(mood[method]["agreed"]),
        )
        for method, name in MOOD_METHODS.items()
    ]
    genres = ", ".join(f"{genre} {decimal(part['accuracy'])}" for genre, part in mood["by_genre"].items())
    lost = mood["whole"]["accuracy"] - mood["genre_left_out"]["accuracy"]
    return [
        "## Mood",
        f"Calm or exciting, compared with the listeners' ratings of {mood['n']} clips (Emotify). A clip is exciting if "
        "more listeners named power or joyful activation than calmness; "
        f"{percent(mood['exciting'])} of the clips are. r is the correlation with the balance of the two. "
        f"Listeners agree on the {mood['n_agreed']} clips whose balance is furthest from zero.",
        table(("five folds by clip", "accuracy", "r", "accuracy, listeners agree"), rows),
        f"Figures are means over {mood['draws']} random divisions of the clips into folds; the ridge is chosen within "
        "each fold's training clips. The inputs (the tags' logits and motion) were chosen on the same clips, so the "
        f"figures are slightly too high. Leaving out a whole genre lowers accuracy by {lost:.3f}. Accuracy by genre, "
        f"in five folds: {genres}. The mean difference between the reported arousal and the listeners' share is "
        f"{decimal(mood['arousal_error'])}.",
    ]
