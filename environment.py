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


@dataclass(frozen=True)
class Environment:
    max_seconds: float = DEFAULT_LIMITS.max_seconds
    genre_weights: Path | None = None
    debug: bool = False
    home: Path = HOME
    database_url: str | None = None


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Check every setting; an empty variable counts as one that is not set."""
    seconds = variables.get("SORI_MAX_SECONDS")
    return Environment(
        max_seconds=parse_seconds("SORI_MAX_SECONDS", seconds) if seconds else DEFAULT_LIMITS.max_seconds,
        genre_weights=_file("SORI_GENRE_WEIGHTS", variables),
        debug=_switch("SORI_DEBUG", variables),
        home=Path(variables.get("SORI_HOME") or HOME),
        database_url=variables.get("SORI_DATABASE_URL") or None,
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
