"""Descriptions and colours of the ten genres of the shipped model. Labels of other models have no description."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from zlib import crc32

from ml.report.sentences import display_name
from web.access.language import translator

COLOURS = 10
"""The style sheet names them `colour-0` to `colour-9`."""


@dataclass(frozen=True)
class Description:
    """Each field is an English sentence and so the key of its translation."""

    origin: str
    instruments: str
    listen_for: str


DESCRIPTIONS: dict[str, Description] = {
    "blues": Description(
        "Developed by Black Americans in the Mississippi Delta around 1900 from work songs and spirituals.",
        "Voice and guitar, often with a slide; harmonica, piano, and later electric bands.",
        "Twelve bars on the same three chords, notes bent between major and minor, "
        "call and response between voice and guitar.",
    ),
    "classical": Description(
        "Written music from Europe’s churches, courts and concert halls, from before Bach to today.",
        "Strings, woodwinds, brass, piano and choir; rarely a drum kit or amplifiers.",
        "Very quiet next to very loud passages, a flexible tempo, themes that return in new forms.",
    ),
    "country": Description(
        "From the ballads and fiddle tunes of the rural American South; recorded since the 1920s.",
        "Acoustic and steel guitar, fiddle, banjo and light drums.",
        "Stories told in plain words, sliding steel guitar, a bass that alternates between two notes.",
    ),
    "disco": Description(
        "From the Black, Latin and gay dance clubs of New York and Philadelphia around 1974.",
        "Drums, busy electric bass, strings and horns, choppy guitar and powerful voices.",
        "A bass drum on every beat, open hi-hat in between, a steady 120 beats per minute or so.",
    ),
    "hiphop": Description(
        "From block parties in the Bronx around 1973, where DJs looped the drum breaks of funk records.",
        "Turntables, samplers, drum machines, deep bass and rapping.",
        "Rhythmic words rather than melody, a repeating loop, prominent bass and snare.",
    ),
    "jazz": Description(
        "From New Orleans around 1910, where ragtime, blues and brass-band music met.",
        "Saxophone, trumpet, piano, double bass, drums played with brushes or on the ride cymbal.",
        "Swung eighth notes, a walking bass, rich chords and improvised solos.",
    ),
    "metal": Description(
        "From the industrial cities of England around 1970, when hard rock turned darker and heavier.",
        "Heavily distorted guitars, bass, drums with double bass pedals, shouted or high voices.",
        "Dense guitars, short low riffs in unison, very fast drums, hardly a quiet moment.",
    ),
    "pop": Description(
        "Songs made for the charts and the radio since the 1950s, for many people to sing along to.",
        "A lead voice with the fashionable instruments of its decade, today mostly synthesisers and drum machines.",
        "A catchy chorus, short verses, a clean and polished sound.",
    ),
    "reggae": Description(
        "From Jamaica around 1968, slower than the ska and rocksteady it came from.",
        "Heavy bass, guitar and organ in short strokes, drums, and often horns.",
        "Guitar on the off-beat, a melodic bass line with gaps, emphasis on the third beat.",
    ),
    "rock": Description(
        "From the rock ’n’ roll of 1950s America, taken up by British bands in the 1960s.",
        "Electric guitars, bass, drums, a strong voice, sometimes piano or organ.",
        "Snare on two and four, guitar riffs, verses that build up to a loud chorus.",
    ),
}

SENTENCES = tuple(sentence for description in DESCRIPTIONS.values() for sentence in astuple(description))


def genre_colour(label: str, labels: tuple[str, ...] = ()) -> int:
    """The number of a genre's colour: fixed for the ten described genres, by position for another model's labels."""
    for names in (tuple(DESCRIPTIONS), labels):
        if label in names:
            return names.index(label) % COLOURS
    return crc32(label.encode("utf-8", "replace")) % COLOURS


def label_name(label: str) -> str:
    """A genre or tag in the reader's language; without a translation it stays as the model has it."""
    return display_name(translator().translate(label))
