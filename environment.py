"""The settings of one installation, read from the environment once, at the start.

Only the entry points call `read_environment`; everything below them is given values. A wrong setting stops
the start with the variable's name, because a typing error that is silently ignored shows up months later.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml.audio.settings import DEFAULT_LIMITS
from ml.paths import DEFAULT_HOME
from ml.report.errors import SoriError

LANGUAGES = ("en", "ko")
SECRET_CHARACTERS = 32


class SettingError(SoriError):
    """A setting that cannot be used; the facts always hold its `name`, and its `value` unless that is a secret."""

    code = "setting"


class NotSecondsError(SettingError):
    sentence = "{name} is “{value}”, but it must be a number of seconds, {least} or more."


class NoWeightsError(SettingError):
    sentence = "{name} is “{value}”, but there is no such file."


class NotASwitchError(SettingError):
    sentence = "{name} is “{value}”, but it must be 1 or 0."


class NotANumberError(SettingError):
    sentence = "{name} is “{value}”, but it must be a whole number from {least} to {most}."


class NotAFolderError(SettingError):
    sentence = "{name} names “{value}”, but that is no folder, or its path does not begin at the root."


class NotOnOrOffError(SettingError):
    sentence = "{name} is “{value}”, but it must be on or off."


class NotAHostError(SettingError):
    sentence = (
        "{name} names “{value}”, which is no name of a host. Write names without http:// and without a port."
    )


class NotAPasswordHashError(SettingError):
    sentence = "{name} is no password hash. Make one with: python main.py password"


class ShortSecretError(SettingError):
    sentence = "{name} is too short to keep a secret: {least} characters are needed."


class NotAnApiKeyError(SettingError):
    sentence = "{name} holds an entry that is no API key. Make one with: python main.py key NAME"


class NobodyMayEnterError(SettingError):
    sentence = "{name} is {value}, but nobody could come in: set SORI_PASSWORD_HASH or SORI_API_KEYS as well."


@dataclass(frozen=True)
class Environment:
    max_seconds: float = DEFAULT_LIMITS.max_seconds
    genre_weights: Path | None = None
    mood_weights: Path | None = None
    debug: bool = False
    home: Path = DEFAULT_HOME
    database_url: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 0
    """Processes that listen to songs for the web service; 0 is half as many as there are cores."""
    max_upload_mb: int = 100
    expire_hours: int = 24
    """How long a song that was handed in is kept; 0 keeps it until it is deleted."""
    folders: tuple[Path, ...] = ()
    """Folders of music that the library page reads again when it is asked to."""
    threads: int = 16
    """Requests that the web process answers at the same time."""
    password_hash: str | None = field(default=None, repr=False)
    private: bool = False
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The name of each key by its SHA-256."""
    secret_key: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    """Names by which this service may be called, besides addresses and its own; `*` is any."""
    proxies: int = 0
    """How many proxies stand in front and can be believed."""
    rate_limits: bool = True
    queue: int = 200
    """How many songs may wait at the same time, and how many of them one browser's."""
    client_queue: int = 50
    min_free_mb: int = 500


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Check every setting; an empty variable counts as one that is not set."""
    seconds = variables.get("SORI_MAX_SECONDS")
    return Environment(
        max_seconds=parse_seconds("SORI_MAX_SECONDS", seconds) if seconds else DEFAULT_LIMITS.max_seconds,
        genre_weights=_file("SORI_GENRE_WEIGHTS", variables),
        mood_weights=_file("SORI_MOOD_WEIGHTS", variables),
        debug=_switch("SORI_DEBUG", variables),
        home=Path(variables.get("SORI_HOME") or DEFAULT_HOME),
        database_url=variables.get("SORI_DATABASE_URL") or None,
        host=variables.get("SORI_HOST") or Environment.host,
        port=parse_port("SORI_PORT", variables.get("SORI_PORT") or str(Environment.port)),
        workers=_whole("SORI_WORKERS", variables, Environment.workers, 0, 256),
        max_upload_mb=_whole("SORI_MAX_UPLOAD_MB", variables, Environment.max_upload_mb, 1, 4096),
        expire_hours=_whole("SORI_EXPIRE_HOURS", variables, Environment.expire_hours, 0, 24 * 3650),
        folders=_folders("SORI_FOLDERS", variables),
        threads=_whole("SORI_THREADS", variables, Environment.threads, 2, 512),
        password_hash=_password_hash("SORI_PASSWORD_HASH", variables),
        private=_private("SORI_PRIVATE", variables),
        api_keys=_api_keys("SORI_API_KEYS", variables),
        secret_key=_secret("SORI_SECRET_KEY", variables),
        hosts=_hosts("SORI_HOSTS", variables),
        proxies=_whole("SORI_PROXIES", variables, Environment.proxies, 0, 10),
        rate_limits=_on("SORI_RATE_LIMITS", variables),
        queue=_whole("SORI_QUEUE", variables, Environment.queue, 1, 1_000_000),
        client_queue=_whole("SORI_CLIENT_QUEUE", variables, Environment.client_queue, 1, 1_000_000),
        min_free_mb=_whole("SORI_MIN_FREE_MB", variables, Environment.min_free_mb, 0, 10_000_000),
    )


def parse_port(name: str, value: str) -> int:
    return _whole(name, {name: value}, Environment.port, 1, 65535)


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


def _folders(name: str, variables: Mapping[str, str]) -> tuple[Path, ...]:
    folders = tuple(Path(part) for part in (variables.get(name) or "").split(os.pathsep) if part)
    for folder in folders:
        if not folder.is_absolute() or not folder.is_dir():
            raise NotAFolderError(name=name, value=str(folder))
    return folders


def _switch(name: str, variables: Mapping[str, str]) -> bool:
    value = variables.get(name) or "0"
    if value not in ("0", "1"):
        raise NotASwitchError(name=name, value=value)
    return value == "1"


def _on(name: str, variables: Mapping[str, str]) -> bool:
    value = variables.get(name) or "on"
    if value not in ("on", "off"):
        raise NotOnOrOffError(name=name, value=value)
    return value == "on"


def _private(name: str, variables: Mapping[str, str]) -> bool:
    private = _switch(name, variables)
    if private and not (variables.get("SORI_PASSWORD_HASH") or variables.get("SORI_API_KEYS")):
        raise NobodyMayEnterError(name=name, value="1")
    return private


def _password_hash(name: str, variables: Mapping[str, str]) -> str | None:
    value = variables.get(name) or None
    if value and not re.fullmatch(r"(scrypt:\d+:\d+:\d+|pbkdf2:\w+:\d+)\$[^$]+\$[0-9a-f]+", value):
        raise NotAPasswordHashError(name=name)
    return value


def _api_keys(name: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Entries `name:sha256`, in the variable with commas between them or in a file that it names, one a line."""
    value = variables.get(name) or ""
    # An entry always has a colon and 64 hexadecimal digits; a path that looks like that is nobody's.
    entries = value.split(",") if re.search(r":[0-9a-f]{64}", value) else _lines(name, value)
    keys: dict[str, str] = {}
    for entry in filter(None, map(str.strip, entries)):
        found = re.fullmatch(r"([\w.-]{1,40}):([0-9a-f]{64})", entry)
        if not found:
            raise NotAnApiKeyError(name=name)
        keys[found[2]] = found[1]
    return keys


def _lines(name: str, path: str) -> list[str]:
    if not path:
        return []
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise NotAnApiKeyError(name=name) from error
    return [line for line in lines if not line.startswith("#")]


def _secret(name: str, variables: Mapping[str, str]) -> str | None:
    value = variables.get(name) or None
    if value and len(value) < SECRET_CHARACTERS:
        raise ShortSecretError(name=name, least=SECRET_CHARACTERS)
    return value


def _hosts(name: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower() for host in (variables.get(name) or "").split(",") if host.strip())
    for host in hosts:
        if not re.fullmatch(r"\*|[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]", host):
            raise NotAHostError(name=name, value=host)
    return hosts


def _whole(name: str, variables: Mapping[str, str], default: int, least: int, most: int) -> int:
    value = variables.get(name)
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise NotANumberError(name=name, value=value, least=least, most=most)
    return int(value)
