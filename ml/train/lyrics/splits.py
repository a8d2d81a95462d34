"""Second step: train, validation and test songs, no artist in two of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace

import numpy as np

from ml.train.data.splits import SplitError
from ml.train.lyrics.table import SPLITS, TextSong, TextTable

SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}
LEAST_SONGS = 20
"""A genre with fewer songs in its language is left out: nothing could be said about it."""


@dataclass(frozen=True)
class Divided:
    train: list[TextSong]
    valid: list[TextSong]
    test: list[TextSong]
    table: TextTable

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({song.genre for song in self.train}))


def select(table: TextTable, language: str | None, *, least_songs: int = LEAST_SONGS) -> tuple[TextTable, str]:
    """The songs of one language (the most frequent by default), in genres with enough songs and two artists."""
    language = language or Counter(song.language for song in table.songs).most_common(1)[0][0]
    table = table.where("in another language", [song.language == language for song in table.songs])
    artists: dict[str, set[str]] = defaultdict(set)
    counts = Counter(song.genre for song in table.songs)
    for song in table.songs:
        artists[song.genre].add(song.artist)
    for genre in sorted(counts):
        if len(artists[genre]) < 2 or counts[genre] < least_songs:
            reason = "only one artist" if len(artists[genre]) < 2 else f"fewer than {least_songs} songs"
            table = table.where(f"{genre} has {reason}", [song.genre != genre for song in table.songs])
    if len({song.genre for song in table.songs}) < 2:
        raise SplitError(split="artist", reason=f"fewer than two genres have enough songs and artists ({language})")
    return table, language


def divide(table: TextTable, seed: int = 0) -> Divided:
    """The split that the table gives for every song, else one by artist, stratified by genre.

    A genre with two artists has the one with more songs in training and the other in the test.
    """
    songs = table.songs
    if all(song.split for song in songs):
        first: dict[str, str] = {}
        mixed = [first.setdefault(song.artist, song.split) == song.split for song in songs]
        table = table.where("the artist is in another split", mixed)
    else:
        side = _sides(songs, seed)
        table = replace(table, songs=[replace(song, split=side[song.artist]) for song in songs])
    labels = {song.genre for song in table.songs if song.split == "train"}
    known = table.where("the genre is not in training", [song.genre in labels for song in table.songs])
    train, valid, test = ([song for song in known.songs if song.split == name] for name in SPLITS)
    if len(labels) < 2 or not valid:
        raise SplitError(split="artist", reason="there are too few songs or artists for training and validation")
    return Divided(train, valid, test, known)


def _sides(songs: list[TextSong], seed: int) -> dict[str, str]:
    """The split of each artist: artists in random order, each into the split that lacks most songs of their genre."""
    genres: dict[str, Counter[str]] = defaultdict(Counter)
    for song in songs:
        genres[song.artist][song.genre] += 1
    by_genre: dict[str, list[str]] = defaultdict(list)
    for artist in sorted(genres):
        by_genre[genres[artist].most_common(1)[0][0]].append(artist)
    random = np.random.default_rng(seed)
    side: dict[str, str] = {}
    for genre in sorted(by_genre):
        artists = [by_genre[genre][place] for place in random.permutation(len(by_genre[genre]))]
        size = {artist: genres[artist].total() for artist in artists}
        if len(artists) == 2:
            larger = max(artists, key=lambda artist: size[artist])
            side |= {artist: "train" if artist == larger else "test" for artist in artists}
            continue
        lacking = {name: share * sum(size.values()) for name, share in SHARES.items()}
        for artist in artists:
            name = max(lacking, key=lambda one: lacking[one])
            side[artist] = name
            lacking[name] -= size[artist]
    return side
