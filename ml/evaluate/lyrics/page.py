"""Writes docs/lyrics.md from the figures. No number in it is typed."""

from __future__ import annotations

from ml.evaluate.lyrics.words import ENCODER_EPOCHS
from ml.evaluate.markdown import decimal, figure, page, percent, table
from ml.train.lyrics.encoder import TOKENS
from ml.train.metrics import Figures

NAMES = {
    "majority": "most frequent genre",
    "tfidf": "TF-IDF, logistic regression",
    "word2vec": "Word2Vec, mean vector",
    "bert": "BERT, from scratch",
    "both": "Word2Vec and BERT",
    "both_bpm": "Word2Vec, BERT and tempo",
}
NETWORKS = ("word2vec", "bert", "both", "both_bpm")
MARGIN = 0.25
"""What a model that ships must exceed the most frequent genre by, on validation."""


def write(figures: Figures) -> str:
    english, korean = figures["english"], figures["korean"]
    return page(
        "Genre by words",
        figures["command"],
        f"`{figures['command']}` writes this page: every number comes from one run of it. Square brackets hold 95% "
        "bootstrap intervals. In the first table of each language they draw whole artists, because songs by one artist "
        "are alike, and a draw without an artist of a genre leaves the genre out; elsewhere they draw songs.",
        "The genre of a text was given to its artist by hand, so no artist is in two of training, validation and test. "
        "Settings are chosen on validation. The test is looked at once, for what ships; the test figures of the other "
        "rows stand beside it and chose nothing.",
        "## English",
        *_language(english),
        *_tempo(english),
        "## Korean",
        "The labels are those of a Korean chart, which are not Sori's ten genres, so they are never combined with the "
        "sound. For the same reason there is no row with tempo: no tempo is annotated for songs of these genres.",
        *_language(korean),
        "## Sound and words together",
        *_fusion(figures["fusion"], english),
        "## Recognition of words",
        *recognition_part(figures["recognition"]),
    )


def _language(part: Figures) -> list[str]:
    rows, shipped, best = part["rows"], part["shipped"], part["best"]
    head = ["model", "accuracy, validation", "macro recall", "accuracy, test", "macro recall", "artists, test"]
    lines = [
        [
            f"**{NAMES[name]}**" if name == "tfidf" else NAMES[name],
            *(figure(row[side][key], key) for side in ("valid", "test") for key in ("accuracy", "macro_recall")),
            str(row["test"]["artists"]),
        ]
        for name, row in rows.items()
    ]
    left_out = [f"{count} ({reason})" for reason, count in part["left_out"].items()]
    songs = {side: sum(counts[side] for counts in part["songs"].values()) for side in ("train", "valid", "test")}
    return [
        f"{sum(songs.values())} texts: {songs['train']} for training, {songs['valid']} for validation, "
        f"{songs['test']} for the test. Texts that are left out: {'; '.join(left_out) or 'none'}." + _missing(part),
        table(head, lines),
        _choice(rows, best),
        f"What ships is `{shipped['file']}` (`{shipped['name']}`, {shipped['terms']} terms, SHA-256 "
        f"`{shipped['sha256']}`). Its settings come from the row on validation; the file itself is trained on training "
        "and validation texts together, and is what the test measures.",
        table(
            ["genre", "training", "validation", "test", "recall, test"],
            [
                [
                    label,
                    *(str(part["songs"][label][side]) for side in ("train", "valid", "test")),
                    figure(shipped["recall"][label], "recall", percent) if label in shipped["recall"] else "–",
                ]
                for label in part["labels"]
            ],
        ),
        f"The shipped model calls {figure(shipped['confident']['rate'], 'rate', percent)} of the test texts confident "
        f"and is right in {figure(shipped['confident']['accuracy'], write=percent)} of these.",
    ]


def _missing(part: Figures) -> str:
    """Which genres have no validation text."""
    names = [label for label, counts in part["songs"].items() if not counts["valid"]]
    if not names:
        return ""
    return f" There is no validation text of {', '.join(names)}, which has two artists only: one is in the test."


def _choice(rows: Figures, best: str) -> str:
    """What the aims say about TF-IDF on validation, and why it is the default."""
    accuracy = {name: row["valid"]["accuracy"]["accuracy"] for name, row in rows.items()}
    margin = accuracy["tfidf"] - accuracy["majority"]
    reached = "which reaches" if margin >= MARGIN else "which misses"
    text = f"On validation TF-IDF beats the most frequent genre by {decimal(margin)}, {reached} the aim of {MARGIN}. "
    better = [NAMES[name] for name in NETWORKS if name in accuracy and accuracy[name] > accuracy["tfidf"]]
    if best == "tfidf" or not better:
        return text + (
            "Networks without pretraining lose to it on so few texts. TF-IDF is therefore the default text model, "
            "until a pretrained one is fetched and trained with `python -m ml.train --task lyrics --parts both`."
        )
    return text + f"Better on validation: {', '.join(better)}. TF-IDF ships because it needs no further packages."


def _tempo(english: Figures) -> list[str]:
    rows = english["rows"]
    without, with_bpm = (rows[name]["valid"]["accuracy"]["accuracy"] for name in ("both", "both_bpm"))
    return [
        "The texts have no tempo. For the row with tempo each text was given the annotated tempo of another song of "
        "its genre (GTZAN), drawn from songs that are in one of training, validation and test only. **These pairs are "
        "made.** They hold what a genre's usual tempo says, but not how the words and the tempo of one song go "
        f"together, so the change on validation from {decimal(without)} to {decimal(with_bpm)} only suggests what a "
        "measured tempo is worth. The shipped model does not use the tempo.",
        "The encoder of the rows that combine it is the one of the BERT row and stays as it is; only the head is "
        "trained. BERT has two layers and a WordPiece tokenizer of its own, trained on the training texts alone; it "
        f"reads the first {TOKENS} tokens of a text and is trained for at most {ENCODER_EPOCHS} epochs. It is as small "
        "as that because it is trained on two cores.",
    ]


def _fusion(part: Figures, english: Figures) -> list[str]:
    rows = []
    names = {"all": "all", "shared": "genres that the words know", "others": "other genres"}
    for side, text in (("valid", "validation"), ("test", "test")):
        for key, name in names.items():
            measured = part[side][key]
            rows.append(
                [
                    f"{text}, {name}",
                    *(figure(measured[one]) for one in ("sound", "words", "fused")),
                    str(measured["sound"]["n"]),
                ]
            )
    return [
        "`log p = log p_sound + w × confidence × (log p_words − log prior)` over the labels that both have; the score "
        f"of another label stays that of the sound. The weight is w = {decimal(part['weight'])}. It was chosen on "
        "validation pairs from 0 to 1.5 for the lowest log loss, among the weights with which no fewer answers are "
        "right than by sound alone. The confidence is 1 here, as for lyrics from a tag; for a transcription it is "
        "lower.",
        table(["pairs", "sound alone", "words alone", "sound and words", "pairs"], rows),
        "**These pairs are made too:** no collection here has the sound and the text of one song, so each GTZAN track "
        "(as published taggrams) got the text of another song of its genre. Tracks of genres other "
        f"than {', '.join(english['labels'])} got texts of any genre, the worst case for them; a genre without "
        "validation texts is left out of the validation pairs. Validation: training tracks, each classified by a head "
        "that was trained without its artist, with validation texts classified by a model that was trained without "
        "them. Test: the shipped models on the test split of each collection. What follows: the errors of sound and "
        "words are independent in made pairs, but a real rock song that sounds like pop may have the words of pop as "
        "well, and transcribed words have errors. So a real song gains less than the table says.",
    ]


def recognition_part(rows: list[Figures]) -> list[str]:
    if not rows:
        return [
            "Models: none installed when this page was written. "
            "`python -m ml.lyrics fetch` downloads one, and then this section has its word error rates for speech and "
            "singing apart."
        ]
    lines = [
        [
            row["model"],
            row["kind"],
            f"{decimal(row['error_rate'])} [{decimal(row['interval'][0])}, {decimal(row['interval'][1])}]",
            str(row["words"]),
            str(row["files"]),
        ]
        for row in rows
    ]
    return [table(["model", "kind", "word error rate", "words", "files"], lines)]
