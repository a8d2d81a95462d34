"""What every request may use: the settings, the library's database, the analyses, the words of the reader."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import current_app

from environment import Environment
from jobs.queue.analyses import Analyses
from jobs.queue.feedback import Feedback
from library.catalogue.database import Catalogue
from ml.paths import WEIGHT_FOLDER

NAME = "sori"
ENDING = threading.Event()
"""Set when this process has been asked to end: what would go on for long lets go, and the browser asks again."""


@dataclass(frozen=True)
class Service:
    environment: Environment
    catalogue: Catalogue
    analyses: Analyses

    @property
    def model(self) -> Path:
        """The file that the engine reads the genre model from."""
        return self.environment.genre_weights or WEIGHT_FOLDER / "genre.keras"

    @property
    def keep_seconds(self) -> float | None:
        """How long a song that is handed in is kept; None for ever."""
        return self.environment.expire_hours * 3600.0 or None

    @property
    def feedback(self) -> Feedback:
        return Feedback(self.environment.home)

    def forget(self, analysis_id: str) -> bool:
        """Delete a song by hand: with all that is known of it, a listener's answer too."""
        self.feedback.forget(analysis_id)
        return self.analyses.delete(analysis_id)

    @property
    def max_upload_bytes(self) -> int:
        return self.environment.max_upload_mb * 1_000_000


def service() -> Service:
    """The service of the application that answers this request."""
    return cast(Service, current_app.extensions[NAME])
