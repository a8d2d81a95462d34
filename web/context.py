"""What every request can use: the settings, the library's database, the analyses, and addresses of this site."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from flask import current_app, url_for
from werkzeug.urls import iri_to_uri

from environment import Environment
from jobs.cluster.messages import Messages
from jobs.queue.analyses import Analyses, Analysis
from jobs.queue.feedback import Feedback, voice_of
from jobs.queue.song_files.interface import StorageAwayError
from library.catalogue.database import Catalogue
from library.search.current import CurrentLibrary
from ml.paths import WEIGHT_FOLDER

NAME = "sori"
MAX_ADDRESS_LENGTH = 2000
ENDING = threading.Event()
"""Set when this process is asked to end. Responses that follow an analysis stop then; browsers connect again."""


@dataclass(frozen=True)
class Service:
    environment: Environment
    catalogue: Catalogue
    analyses: Analyses
    library: CurrentLibrary
    """The vectors of the library in this process, for similar tracks."""
    messages: Messages
    """Wakes the workers of other machines, where there are any."""

    @property
    def model(self) -> Path:
        """The file of the genre model that the engine loads."""
        return self.environment.genre_weights or WEIGHT_FOLDER / "genre.keras"

    @property
    def keep_seconds(self) -> float | None:
        """How long an uploaded song is kept; None: until it is deleted."""
        return self.environment.expire_hours * 3600.0 or None

    @property
    def feedback(self) -> Feedback:
        return Feedback(self.environment.home)

    @property
    def max_upload_bytes(self) -> int:
        return self.environment.max_upload_mb * 1_000_000

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.environment.home).free

    def engine_silent_seconds(self) -> float | None:
        """Seconds since the last sign of life of an engine; None where there never was one."""
        beat = self.analyses.last_beat()
        return None if beat is None else max(0.0, (datetime.now(UTC) - beat).total_seconds())

    def delete(self, analysis: Analysis) -> bool:
        """Delete an analysis on a person's request, with the genre that somebody gave it."""
        self.feedback.delete(voice_of(analysis))
        try:
            return self.analyses.delete(analysis.id)
        except StorageAwayError:  # nobody can open it any more, and the sweeper removes its files later
            return True


def service() -> Service:
    """The service of the application that answers this request."""
    return cast(Service, current_app.extensions[NAME])


def own_address(address: str) -> str:
    """The address if it is on this site, else the front page, so that no form can redirect to another site."""
    # Browsers drop tabs and line ends from an address and take a backslash for a slash, so neither may occur.
    is_own = address.startswith("/") and not address.startswith("//") and "\\" not in address
    if not is_own or not address.isprintable() or len(address) > MAX_ADDRESS_LENGTH:
        return url_for("pages.index")
    return iri_to_uri(address)
