"""A small library with real audio files and random vectors."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track, TrackFeatures, TrackVectors, path_hash_of
from library.collection.records import write_report
from ml.features.chroma import Chromagram
from ml.report.schema import Key
from ml.similarity import harmony
from tests.fakes import a_report, write_wav


def put(catalogue: Catalogue, folder: Path | None, name: str, **columns: object) -> int:
    """Add a track, with an audio file if there is a folder for it; returns its id."""
    chance = random.Random(name)
    with catalogue.session() as session:
        report = replace(a_report(title=name, artist=None), key=Key("C", "major", 0.5))
        track = Track(features_version="test", size=1, mtime_ns=1)
        if folder is not None:
            track.path = write_wav(folder / f"{path_hash_of(Path(name))[:12]}.wav", seconds=0.5)
            track.path_hash = path_hash_of(track.path)
        write_report(session, track, report)
        for column, value in columns.items():
            setattr(track, column, value)
        vectors = np.array([[chance.gauss(0, 1) for _ in range(8)] for _ in range(2)], np.float32)
        sound, chords = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        frames = np.zeros((20, 12), np.float32)
        frames[:, [0, 4, 7]] = 1
        session.add(TrackVectors(track_id=track.id, sound=sound.tobytes(), harmony=chords.tobytes()))
        packed = harmony.pack(Chromagram.of_chords(frames, frames))
        session.add(TrackFeatures(track_id=track.id, chromagram=packed, trunk_output=b""))
        session.commit()
        return track.id
