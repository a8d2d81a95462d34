"""Predicts the moods of the whole library again after a change of the mood model, from stored features alone.

Reports from before there were moods contain no motion; their tracks keep what they have.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.tables import Note, Track, TrackFeatures, TrackReport
from library.collection import reference
from library.collection.records import write_report
from ml.models.card import MOOD_WEIGHTS, load_card
from ml.models.mood import MoodModel
from ml.report.schema import Report
from ml.similarity.timbre import unpack

_NOTE = "mood"
_BATCH = 500


def update_moods(catalogue: Catalogue, weights: Path | None = None) -> int:
    """Predict every mood with this model, unless it made the last predictions; how many moods were written.

    The note with the model's version is written last, so that a stopped run starts again.
    """
    path = weights or MOOD_WEIGHTS
    version = load_card(path).sha256[path.name]
    with catalogue.session() as session:
        installed = session.get(Note, reference.NOTE)
        version = f"{version} {installed.value if installed else ''}".strip()
        note = session.get(Note, _NOTE)
        if note is not None and note.value == version:
            return 0
        count = _update_moods(session, MoodModel.load(path))
        session.merge(Note(name=_NOTE, value=version))
        session.commit()
    return count


def _update_moods(session: Session, model: MoodModel) -> int:
    count, last = 0, 0
    rows = (
        select(Track, TrackReport.report, TrackFeatures.trunk_output)
        .join(TrackReport, TrackReport.track_id == Track.id)
        .join(TrackFeatures, TrackFeatures.track_id == Track.id)
        .order_by(Track.id)
        .limit(_BATCH)
    )
    while batch := session.execute(rows.where(Track.id > last)).all():
        for track, stored, features in batch:
            last = track.id
            report = Report.from_dict(stored)
            if not report.motion:
                continue
            mood = model.predict(unpack(features).trunk_output, np.array(report.motion, np.float32))
            if report.mood != mood or track.arousal is None:
                # The arousal along the timeline is a prediction of the former model.
                write_report(session, track, replace(report, mood=mood, arousal=()))
                count += 1
        session.commit()
        session.expunge_all()
    return count
