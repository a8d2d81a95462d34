"""The moods of a library after a change of the mood model: judged again from what was kept, nothing is heard again.

Tracks that were heard before there was a mood have no motion on their report and keep what they have.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.tables import Note, Track, TrackFeatures
from ml.models.card import MOOD_WEIGHTS, load_card
from ml.report.schema import Mood, Report

_NOTE = "mood"
_REFERENCE_NOTE = "reference"
_BATCH = 500


def update_moods(catalogue: Catalogue, weights: Path | None = None) -> int:
    """Judge every track by this mood model unless it judged them last; how many moods were written.

    A stopped run begins again: the note of which model it was is written at the end.
    """
    path = weights or MOOD_WEIGHTS
    stamp = load_card(path).sha256[path.name]
    with catalogue.session() as session:
        reference = session.get(Note, _REFERENCE_NOTE)
        stamp = f"{stamp} {reference.value if reference else ''}".strip()
        note = session.get(Note, _NOTE)
        if note is not None and note.value == stamp:
            return 0
        count = _update_moods(session, path)
        session.merge(Note(name=_NOTE, value=stamp))
        session.commit()
    return count


def _update_moods(session: Session, path: Path) -> int:
    from ml.models.mood import MoodModel
    from ml.similarity.timbre import unpack

    model, count, last = MoodModel.load(path), 0, 0
    while True:
        heard = select(Track, TrackFeatures.trunk_output).join(
            TrackFeatures, TrackFeatures.track_id == Track.id
        )
        batch = session.execute(heard.where(Track.id > last).order_by(Track.id).limit(_BATCH)).all()
        if not batch:
            return count
        for track, kept in batch:
            last = track.id
            if track.report is None or not track.report.get("motion"):
                continue
            moved = np.array(track.report["motion"], np.float32)
            count += _write(track, model.predict(unpack(kept).trunk_output, moved))
        session.commit()
        session.expunge_all()


def _write(track: Track, mood: Mood) -> bool:
    """Whether the mood is another than before. The timeline's arousal is of the former model, so it goes."""
    report = Report.from_dict(track.report or {})
    if report.mood == mood and track.arousal is not None:
        return False
    track.mood, track.arousal = mood.label, mood.arousal
    track.report = replace(report, mood=mood, arousal=()).to_dict()
    return True
