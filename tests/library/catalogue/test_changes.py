"""A change of the library is noticed."""

from __future__ import annotations

import threading
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
            assert serial_of(session) == serials[-1]
    assert serials == [1, 2, 3]
    with catalogue.session() as session:
        assert count_listed(session) == 2


def test_a_larger_serial_is_not_committed_before_a_smaller(postgresql: str, home: Path) -> None:
    """The second writer waits until the first has committed."""
    catalogue = open_catalogue(home, postgresql)
    ids = [add(catalogue, name) for name in ("one", "two")]
    first = catalogue.session()
    first.add(TrackVectors(track_id=ids[0], harmony=b"", sound=b""))
    first.flush()

    def write() -> None:
        with catalogue.transaction() as session:
            session.add(TrackVectors(track_id=ids[1], harmony=b"", sound=b""))

    second = threading.Thread(target=write)
    second.start()
    second.join(0.3)
    assert second.is_alive()
    with catalogue.session() as session:
        assert serial_of(session) == 0
    first.commit()
    second.join()
    with catalogue.session() as session:
        assert [session.get_one(TrackVectors, one).serial for one in ids] == [1, 2]
    first.close()
    catalogue.close()
