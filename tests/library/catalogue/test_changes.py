"""A change of the library is noticed."""

from __future__ import annotations

from pathlib import Path

from library.catalogue.changes import count_listed, mark_change, serial_of, state_of
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.tables import TrackVectors
from tests.library.catalogue.test_listing import add


def test_a_change_is_noticed(catalogue: Catalogue) -> None:
    states = [state_of(catalogue)]
    add(catalogue, "one")
    states.append(state_of(catalogue))
    assert state_of(catalogue) == states[-1]
    with catalogue.session() as session:
        mark_change(session)
        session.commit()
    states.append(state_of(catalogue))
    assert len(set(states)) == 3


def test_vectors_get_serials_in_the_order_of_writing(catalogue: Catalogue) -> None:
    ids = [add(catalogue, name) for name in ("one", "two")]
    serials: list[int] = []
    for track_id, data in ((ids[0], b"a"), (ids[1], b"b"), (ids[0], b"c")):
        with catalogue.transaction() as session:
            session.merge(TrackVectors(track_id=track_id, harmony=data, sound=data))
        with catalogue.session() as session:
            serials.append(session.get_one(TrackVectors, track_id).serial or 0)
    assert serials[0] < serials[1] < serials[2]
    with catalogue.session() as session:
        assert count_listed(session) == 2


def test_vectors_that_are_committed_later_have_larger_serials(postgresql: str, home: Path) -> None:
    """Also those whose transaction began first. Neither writer waits for the other."""
    catalogue = open_catalogue(home, postgresql)
    ids = [add(catalogue, name) for name in ("one", "two")]
    first = catalogue.session()
    first.add(TrackVectors(track_id=ids[0], harmony=b"", sound=b""))
    first.flush()
    with catalogue.transaction() as session:
        session.add(TrackVectors(track_id=ids[1], harmony=b"", sound=b""))
    with catalogue.session() as session:
        known = serial_of(session)
    first.commit()
    with catalogue.session() as session:
        later = {one for one in ids if (session.get_one(TrackVectors, one).serial or 0) > known}
        assert ids[0] in later and serial_of(session) >= known
    first.close()
    catalogue.close()
