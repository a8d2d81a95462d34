"""What the ten genres of the model that ships are: where each comes from, what plays, what to listen for.

A model trained on other folders has labels of its own; of those nothing is said here, and nothing made up.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from zlib import crc32

TONES = 10
"""How many colours there are; the style sheet names them `tone-0` and so on."""


@dataclass(frozen=True)
class Description:
    """Each part is an English sentence, and so the key to its translation."""

    origin: str
    instruments: str
    listen_for: str


DESCRIPTIONS: dict[str, Description] = {
    "blues": Description(
        "Grew among Black Americans in the Mississippi Delta around 1900, out of work songs and spirituals.",
        "Voice and guitar, often with a slide; harmonica, piano, later electric bands.",
        "Twelve bars that return to the same three chords, notes bent between major and minor, a voice that "
        "the guitar answers.",
    ),
    "classical": Description(
        "Written music of Europe’s churches, courts and concert halls, from before Bach to today.",
        "Strings, woodwinds, brass, piano, choir; mostly without drum kit or amplifiers.",
        "Very quiet next to very loud, a tempo that breathes, themes that come back changed.",
    ),
    "country": Description(
        "From the ballads and fiddle tunes of the rural American South; on records since the 1920s.",
        "Acoustic and steel guitar, fiddle, banjo, a light drum kit.",
        "Stories told in plain words, gliding steel guitar, a bass that steps between two notes.",
    ),
    "disco": Description(
        "From the Black, Latin and gay dance clubs of New York and Philadelphia around 1974.",
        "Drum kit, busy electric bass, strings and horns, choppy guitar, big voices.",
        "A bass drum on every beat, the hi-hat opening in between, some 120 beats a minute without a pause.",
    ),
    "hiphop": Description(
        "From block parties in the Bronx around 1973, where DJs looped the breaks of funk records.",
        "Turntables, samplers, drum machines, deep bass, and the rapping voice.",
        "Words in rhythm rather than melody, a loop that stays, bass and snare far in front.",
    ),
    "jazz": Description(
        "From New Orleans around 1910, where ragtime, blues and marching bands met.",
        "Saxophone, trumpet, piano, double bass, drums played with brushes or on the ride cymbal.",
        "Swinging eighth notes, a walking bass, rich chords, and solos that are made up on the spot.",
    ),
    "metal": Description(
        "From the industrial cities of England around 1970, when hard rock turned darker and heavier.",
        "Strongly distorted guitars, bass, drums with two bass pedals, shouted or soaring voices.",
        "Walls of guitar, short low riffs in unison, very fast drums, hardly a quiet second.",
    ),
    "pop": Description(
        "Whatever many people sing along to: songs made for charts and radio since the 1950s.",
        "A voice in front; around it whatever its decade liked, today mostly synthesisers and drum machines.",
        "A chorus that stays in the ear, short verses, a clean and polished sound.",
    ),
    "reggae": Description(
        "From Jamaica around 1968, slowed down from ska and rocksteady.",
        "Heavy bass, guitar and organ in short strokes, drums, often horns.",
        "The guitar on the off-beat, a bass line that sings and leaves gaps, weight on the third beat.",
    ),
    "rock": Description(
        "From the rock ’n’ roll of 1950s America, taken up by British bands in the 1960s.",
        "Electric guitars, bass, drum kit, a strong voice, sometimes piano or organ.",
        "A snare on two and four, guitar riffs, verses that build up to a loud chorus.",
    ),
}

SENTENCES = tuple(sentence for one in DESCRIPTIONS.values() for sentence in astuple(one))
"""Everything that is said here, for the test that looks for the Korean twins."""


def tone(label: str, labels: tuple[str, ...] = ()) -> int:
    """The number of a genre's colour: always the same for the ten, by its place for other models' labels."""
    names = tuple(DESCRIPTIONS)
    if label in names:
        return names.index(label)
    return (labels.index(label) if label in labels else crc32(label.encode("utf-8", "replace"))) % TONES
