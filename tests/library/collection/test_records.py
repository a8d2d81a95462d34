"""A report is stored together with the columns of its track."""

from __future__ import annotations

from dataclasses import replace

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track, TrackReport
from library.collection.records import storable, write_report
from ml.report.schema import Key, Mood
from tests.fakes import a_report


def test_text_is_made_storable() -> None:
    assert storable("a\0b\udc80") == "ab?"


def test_a_second_report_replaces_the_first(catalogue: Catalogue) -> None:
    report = replace(a_report(title="a\0", artist=""), key=Key("D#", "minor", 0.5), mood=Mood("sad", 0.1))
    with catalogue.session() as session:
        track = Track()
        write_report(session, track, report)
        session.commit()
        assert (track.title, track.artist, track.mood, track.arousal) == ("a", None, "sad", 0.1)
        assert (track.tonic, track.mode, track.genre) == ("D#", "minor", report.genre.top)
        write_report(session, track, replace(report, key=None, mood=None, tempo=None, title="b"))
        session.commit()
        assert (track.title, track.tonic, track.mode, track.mood, track.bpm) == ("b", None, None, None, None)
        assert session.get_one(TrackReport, track.id).report["title"] == "b"
