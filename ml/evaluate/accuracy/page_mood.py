"""The part of the accuracy page on mood."""

from __future__ import annotations

from ml.evaluate.figures import Figures
from ml.evaluate.markdown import between, decimal, percent, table

WAYS = {
    "whole": "Sori, whole clip",
    "middle": "Sori, asked about 5 s from the middle",
    "middle_alone": "Sori, trained on 5 s from the middle as well",
    "genre_left_out": "Sori, the clip's genre left out of training",
    "tags_alone": "the trunk's tags alone, without motion",
    "picture": "a small network on 128 × 128 mel pictures (one deal)",
}


def write(figures: Figures) -> list[str]:
    mood = figures["mood"]
    rows = [
        (
            name,
            f"**{decimal(part['accuracy'])}**" if way == "whole" else decimal(part["accuracy"]),
            between(part),
            decimal(part["r"]["value"]),
            between(part["r"]),
            decimal(part["agreed"]["accuracy"]),
            between(part["agreed"]),
        )
        for way, name in WAYS.items()
        for part in [mood[way]]
    ]
    genres = ", ".join(f"{genre} {decimal(part['accuracy'])}" for genre, part in mood["by_genre"].items())
    lost = mood["whole"]["accuracy"] - mood["genre_left_out"]["accuracy"]
    return [
        "## Mood",
        f"Calm or exciting, against what the listeners of {mood['n']} clips felt (Emotify). A clip is exciting when "
        "more of them named power or joyful activation than calmness, as "
        f"{percent(mood['exciting'])} of the clips are; the balance of the two is what r is measured against. "
        f"Listeners agree on the {mood['n_agreed']} clips where that balance lies furthest from nought.",
        table(("five folds by clip", "accuracy", "", "r", "", "accuracy, agreed", ""), rows),
        f"Figures are means over {mood['draws']} deals of the clips into folds; the ridge is chosen within what each "
        "fold learns from. That it is given the tags' logits and motion was chosen on the same clips, which flatters a "
        f"little. A whole genre left out costs {lost:.3f}. By genre, within five folds: {genres}. The "
        f"arousal that a report states lies {decimal(mood['arousal_error'])} from the listeners' share on average.",
    ]
