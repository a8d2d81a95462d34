"""A change of the library is noticed."""

from __future__ import annotations

from library.catalogue.changes import mark_change, state_of
from library.catalogue.database import Catalogue
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
