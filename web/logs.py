"""What the service says of itself, in lines of `name=value` that people read and programs too."""

from __future__ import annotations

import json
import logging
import re
import sys
import time

_PLAIN = re.compile(r"[\w./:@+~<>-]+")


class Lines(logging.Formatter):
    """One line a record: time, level, part, what is said; a traceback follows on lines of its own."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging calls it so
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        facts: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "part": self._part,
            **getattr(record, "told", {"message": record.message}),
        }
        return " ".join(f"{name}={quoted(value)}" for name, value in facts.items())


def quoted(value: object) -> str:
    """A value as one word; quotes and escapes keep it one line, whatever somebody sent."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def set_up(part: str, level: int = logging.INFO) -> None:
    """Send everything that this process logs to stderr, in our shape."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(part))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
