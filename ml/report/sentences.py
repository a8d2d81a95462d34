"""What people read about a report, sentence by sentence: the answer, tempo, key, mood, and why a track is similar."""

from __future__ import annotations

from ml.report.cells import clean
from ml.report.keys import camelot, spell_tonic
from ml.report.schema import Key, Mood, Report, Tempo, Why
from ml.report.translation import ENGLISH, Translator

MIN_NAMED_PROBABILITY = 0.15
"""A second or third genre is named from this probability on."""

SAME_TEMPO = 0.03
"""Two tempi whose ratio differs by less than this sound the same."""

PLAIN_TEMPO_RATIOS = {"The same tempo.": 1.0, "Twice as fast.": 2.0, "Half as fast.": 0.5}


NAMES = {"hiphop": "hip-hop"}
"""Genre labels as people write them. Reports, files and the API keep the label itself."""


def display_name(label: str) -> str:
    return NAMES.get(label, label)


def percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def clock(seconds: float) -> str:
    """Seconds as a player shows them: 3:07, or 1:02:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def label_name(label: str, translator: Translator) -> str:
    """A genre or tag in the reader's language; one that has no translation stays as the model card has it."""
    return clean(display_name(translator.translate(label)))


def answer(report: Report, translator: Translator = ENGLISH) -> str:
    """What the song sounds like, in one sentence, or that it resembles none of the genres."""
    top, *others = report.genre.scores
    facts = {"genre": label_name(top.label, translator), "percent": percent(top.probability)}
    if not report.genre.confident:
        template = "Sounds like none of the {count} genres; the nearest is {genre} ({percent})."
        return translator.translate(template, count=len(report.labels), **facts)
    named = [label_name(score.label, translator) for score in others[:2] if score.probability >= MIN_NAMED_PROBABILITY]
    facts |= dict(zip(("second", "third"), named, strict=False))
    if not named:
        template = "Sounds like {genre} ({percent})."
    elif len(named) == 1:
        template = "Sounds like {genre} ({percent}), with some {second}."
    else:
        template = "Sounds like {genre} ({percent}), with some {second} and {third}."
    return translator.translate(template, **facts)


def tempo_text(tempo: Tempo, translator: Translator) -> str:
    facts = {"bpm": f"{tempo.bpm:.0f}", "percent": percent(tempo.confidence)}
    if not tempo.alternatives:
        return translator.translate("{bpm} BPM ({percent} sure)", **facts)
    others = ", ".join(f"{bpm:.0f}" for bpm in tempo.alternatives)
    return translator.translate("{bpm} BPM ({percent} sure), possibly {others}", others=others, **facts)


def key_text(key: Key, translator: Translator) -> str:
    """`E♭ major, 5B (70% sure)`: the key as musicians spell it, and its Camelot code."""
    names = [f"{spell_tonic(key.tonic, key.mode)} {translator.translate(key.mode)}"]
    if code := camelot(key.tonic, key.mode):
        names.append(code)
    return translator.translate("{key} ({percent} sure)", key=", ".join(names), percent=percent(key.confidence))


def mood_text(mood: Mood, translator: Translator) -> str:
    label, energy = translator.translate(mood.label), percent(mood.arousal)
    return translator.translate("{mood} (energy {percent})", mood=label, percent=energy)


def reasons(why: Why, translator: Translator = ENGLISH) -> list[str]:
    """Why a track is similar, as sentences; what is not known is left out."""
    sentences: list[str] = []
    if why.chroma_overlap is not None:
        sentences.append(translator.translate("Chords overlap by {percent}.", percent=percent(why.chroma_overlap)))
    if why.key_relation is not None:
        relation = translator.translate(why.key_relation)
        sentences.append(translator.translate("Keys: {relation}.", relation=relation))
    elif why.transposition:
        sentences.append(_transposition(why.transposition, translator))
    if why.tempo_ratio is not None:
        sentences.append(_tempo_ratio(why.tempo_ratio, translator))
    if why.common_tags:
        tags = ", ".join(translator.translate(tag) for tag in why.common_tags)
        sentences.append(translator.translate("Both sound like: {tags}.", tags=tags))
    return sentences


def _transposition(semitones: int, translator: Translator) -> str:
    if abs(semitones) == 1:
        template = "One semitone higher." if semitones > 0 else "One semitone lower."
    else:
        template = "{count} semitones higher." if semitones > 0 else "{count} semitones lower."
    return translator.translate(template, count=abs(semitones))


def _tempo_ratio(ratio: float, translator: Translator) -> str:
    """A neighbour's tempo over the song's, as a comparison."""
    for sentence, plain_ratio in PLAIN_TEMPO_RATIOS.items():
        if abs(ratio / plain_ratio - 1) <= SAME_TEMPO:
            return translator.translate(sentence)
    template = "{share} faster." if ratio > 1 else "{share} slower."
    return translator.translate(template, share=percent(abs(ratio - 1)))
