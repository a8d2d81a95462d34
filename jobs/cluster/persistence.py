"""Steps on the database that are repeated while it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from library.catalogue.database import reason_of

LOG = logging.getLogger(__name__)
Result = TypeVar("Result")

RETRY_SECONDS = 1.0


def persist(step: Callable[[], Result]) -> Result:
    """Repeat a step until the database can carry it out: what was computed is not lost while it restarts.

    Celery's time limit ends this; then the lease runs out and the song is analysed again.
    """
    while True:
        try:
            return step()
        except DBAPIError as error:
            LOG.warning("the database: %s", reason_of(error))
            time.sleep(RETRY_SECONDS)
