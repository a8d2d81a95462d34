"""The part of the accuracy page on mood."""

from __future__ import annotations

from ml.evaluate.figures import Figures
from ml.evaluate.markdown import decimal, figure, percent, table

METHODS = {
    "whole": "Sori, whole clip",
    "middle": "Sori, tested on 5 s from the middle",
    "middle_alone": "Sori, trained and tested on 5 s from the middle",
    "genre_left_out": "Sori, trained without the clip's genre",
    "tags_alone": "tag probabilities alone, without motion",
    "picture": "a small network on 128 × 128 mel pictures (one draw)",
}


def write(mood: Figures) -> list[str]:
    rows = [
        (
            name,
            figure(mood[method], bold=method == "whole"),
            figure(mood[method]["r"], "value"),
            figure(mood[method]["agreed"]),
        )
        for method, name in METHODS.items()
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
