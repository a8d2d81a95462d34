"""The figures of `ml.evaluate.similarity` as a page for people."""

from __future__ import annotations

from typing import Any


def page(figures: dict[str, Any]) -> str:
    """docs/neighbours.md: generated, never typed."""
    half, alike = figures["other_half"], figures["precision_at_3"]
    questions = list(next(iter(half.values())))
    lines = [
        "# The other half",
        "",
        "Made by `python -m ml.evaluate.similarity`; do not edit.",
        "",
        f"{figures['clips_asking']} clips of 14 seconds or longer (GTZAN, Emotify) are cut in two. Each first half,",
        f"as it is or changed, asks a library of {figures['library']} pieces: all second halves and all other clips.",
        "Given is the share of right answers in the first place and among the first three. What is learnt was learnt",
        "without the asking artist, in five folds. Each clip asks in four of the twelve transpositions, in two of",
        "them for sound.",
        "",
        "| descriptor | " + " | ".join(questions) + " |",
        "|---|" + "---|" * len(questions),
    ]
    for name, row in half.items():
        cells = [f"{row[question]['top1']:.2f} / {row[question]['top3']:.2f}" for question in questions]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Among the three nearest of a whole GTZAN clip, the share by the same artist (where the artist has other",
        "clips) and of the same genre:",
        "",
        "| descriptor | same artist | same genre |",
        "|---|---|---|",
        *(f"| {name} | {row['artist']:.3f} | {row['genre']:.3f} |" for name, row in alike.items()),
    ]
    lines += _cuts(figures["cuts"])
    return "\n".join(lines) + "\n"


def _cuts(cuts: dict[str, Any]) -> list[str]:
    return [
        "",
        "## Cuts of two or three seconds",
        "",
        "Of many tracks of the reference there is only a cut. Others have published numbers of the whole tracks: mean",
        "and spread of the pitch classes, and taggrams, from which the trunk's evidence is filled in. The same two",
        "shares, where only cuts ask:",
        "",
        "| a cut is described by | same artist | same genre | cuts |",
        "|---|---|---|---|",
        *(
            f"| {name} | {row['artist']:.3f} | {row['genre']:.3f} | {row['cuts']} |"
            for name, row in cuts.items()
        ),
    ]
