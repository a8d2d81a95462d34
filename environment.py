"""The settings of one installation, read from the environment once, at the start.

Only the entry points call `read_environment`; everything below them is given values. A wrong setting stops
the start with the variable's name, because a typing error that is silently ignored shows up months later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.errors import SoriError
from ml.settings import DEFAULT_LIMITS

LANGUAGES = ("en", "ko")
HOME = Path(__file__).resolve().parent / "var"


class SettingError(SoriError):
    """A setting that cannot be used; the facts always hold its `name` and `value`."""

    code = "setting"


class NotSecondsError(SettingError):
    sentence = "{name} is “{value}”, but it must be a number of seconds, {least} or more."


class NoWeightsError(SettingError):
    sentence = "{name} is “{value}”, but there is no such file."


class NotASwitchError(SettingError):
    sentence = "{name} is “{value}”, but it must be 1 or 0."


class NotANumberError(SettingError):
    sentence = "{name} is “{value}”, but it must be a whole number from {least} to {most}."


@dataclass(frozen=True)
class Environment:
    max_seconds: float = DEFAULT_LIMITS.max_seconds
    genre_weights: Path | None = None
    mood_weights: Path | None = None
    debug: bool = False
    home: Path = HOME
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 0
    """Processes that listen to songs for the web service; 0 is half as many as there are cores."""
    max_upload_mb: int = 100
    expire_hours: int = 24
    """How long a song that was handed in is kept; 0 keeps it until it is deleted."""


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Check every setting; an empty variable counts as one that is not set."""
    seconds = variables.get("SORI_MAX_SECONDS")
    return Environment(
        max_seconds=parse_seconds("SORI_MAX_SECONDS", seconds) if seconds else DEFAULT_LIMITS.max_seconds,
        genre_weights=_file("SORI_GENRE_WEIGHTS", variables),
        mood_weights=_file("SORI_MOOD_WEIGHTS", variables),
        debug=_switch("SORI_DEBUG", variables),
        home=Path(variables.get("SORI_HOME") or HOME),
        database_url=variables.get("SORI_DATABASE_URL") or None,
        host=variables.get("SORI_HOST") or Environment.host,
        port=_whole("SORI_PORT", variables, Environment.port, 1, 65535),
        workers=_whole("SORI_WORKERS", variables, Environment.workers, 0, 256),
        max_upload_mb=_whole("SORI_MAX_UPLOAD_MB", variables, Environment.max_upload_mb, 1, 4096),
        expire_hours=_whole("SORI_EXPIRE_HOURS", variables, Environment.expire_hours, 0, 24 * 3650),
    )


def parse_seconds(name: str, value: str) -> float:
    """Seconds from a setting or an option called `name`; shorter than the shortest song makes no sense."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not DEFAULT_LIMITS.min_seconds <= seconds < math.inf:
        raise NotSecondsError(name=name, value=value, least=f"{DEFAULT_LIMITS.min_seconds:g}")
    return seconds


def read_language(variables: Mapping[str, str]) -> str:
    """The person's language by the POSIX rule: the first of the three that is set decides. Never fails."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := variables.get(name):
            language = value[:2].lower()
            return language if language in LANGUAGES else "en"
    return "en"


def _file(name: str, variables: Mapping[str, str]) -> Path | None:
    value = variables.get(name)
    if not value:
        return None
    if not Path(value).is_file():
        raise NoWeightsError(name=name, value=value)
    return Path(value)


def _switch(name: str, variables: Mapping[str, str]) -> bool:
    value = variables.get(name) or "0"
    if value not in ("0", "1"):
        raise NotASwitchError(name=name, value=value)
    return value == "1"


def _whole(name: str, variables: Mapping[str, str], default: int, least: int, most: int) -> int:
    value = variables.get(name)
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise NotANumberError(name=name, value=value, least=least, most=most)
    return int(value)
