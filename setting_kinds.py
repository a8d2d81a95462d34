"""How the text of a setting is read and written: paths, numbers, switches, secrets and lists."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.audio.settings import DEFAULT_LIMITS
from ml.report.errors import SoriError


class SettingError(SoriError):
    """A setting or an option that cannot be used. The `value` of a secret is “…”."""

    code = "setting"
    sentence = "{name} is “{value}”, but it must be {format}."


@dataclass(frozen=True)
class Kind:
    """How the text of a setting is read and written. `requirement` is what the text must be, unless any will do."""

    requirement: str = ""
    parse: Callable[[str], Any] = str
    """Raises ValueError, KeyError or OSError for a text that it cannot read."""
    is_right: Callable[[Any], object] = lambda value: True
    write: Callable[[Any], str] = str
    separator: str = ""
    """Stands between the values of a list; empty for a single value."""
    is_secret: bool = False

    def read(self, name: str, text: str) -> Any:
        """The value of the setting or option `name`."""
        if not self.separator:
            return self._read_one(name, text)
        return tuple(self._read_one(name, part) for part in text.split(self.separator) if part.strip())

    def _read_one(self, name: str, text: str) -> Any:
        try:
            value = self.parse(text)
            if self.is_right(value):
                return value
        except (ValueError, KeyError, OSError):
            pass
        raise SettingError(name=name, value="…" if self.is_secret else text, format=self.requirement)

    def to_text(self, value: Any) -> str:
        """The text that `read` turns into this value; empty for a setting that is not set."""
        if self.separator:
            return self.separator.join(map(self.write, value))
        return "" if value is None else self.write(value)


def _read_api_keys(text: str) -> dict[str, str]:
    """Entries `name:sha256`, with commas between them or, in a file that the text names, one per line."""
    # An entry always has a colon and 64 hexadecimal digits, which no sensible path has.
    is_list = re.search(r":[0-9a-f]{64}", text)
    entries = text.split(",") if is_list else Path(text).read_text(encoding="utf-8").splitlines()
    pairs = (entry.split(":") for entry in map(str.strip, entries) if entry and entry[0] != "#")
    return {sha256: name for name, sha256 in pairs}


def _are_api_keys(keys: Mapping[str, str]) -> bool:
    return all(re.fullmatch(r"[\w.-]{1,40}:[0-9a-f]{64}", f"{name}:{key}") for key, name in keys.items())


def _write_path(path: Path) -> str:
    return str(path.absolute())


def _write_model(model: str) -> str:
    """A model is named by its folder, or by its name on a hub."""
    return _write_path(Path(model)) if Path(model).is_dir() else model


def _choice(yes: str, no: str) -> Kind:
    written = {True: yes, False: no}
    return Kind(f"{yes} or {no}", {yes: True, no: False}.__getitem__, write=written.__getitem__)


def whole(minimum: int, maximum: int) -> Kind:
    return Kind(
        f"a whole number from {minimum} to {maximum}",
        lambda text: int(text) if text.isascii() and text.isdigit() else -1,
        lambda number: minimum <= number <= maximum,
    )


TEXT = Kind()
PATH = Kind(parse=Path, write=_write_path)
SECONDS = Kind(
    f"a number of seconds, {DEFAULT_LIMITS.min_seconds:g} or more",
    float,
    lambda seconds: DEFAULT_LIMITS.min_seconds <= seconds < math.inf,
    lambda seconds: str(seconds).removesuffix(".0"),
)
SWITCH = _choice("1", "0")
ON_OR_OFF = _choice("on", "off")
PORT = whole(1, 65535)
MODEL = Kind(write=_write_model)
FILE = Kind("the path of an existing file", Path, Path.is_file, _write_path)
FOLDERS = Kind(
    "absolute paths of existing folders",
    Path,
    lambda path: path.is_absolute() and path.is_dir(),
    _write_path,
    separator=os.pathsep,
)
HOSTS = Kind(
    "host names without http:// and without a port",
    lambda text: text.strip().lower(),
    re.compile(r"\*|[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]").fullmatch,
    separator=",",
)
DATABASE = Kind(is_secret=True)
PASSWORD_HASH = Kind(
    "a hash from “python main.py password”",
    is_right=re.compile(r"(scrypt:\d+:\d+:\d+|pbkdf2:\w+:\d+)\$[^$]+\$[0-9a-f]+").fullmatch,
    is_secret=True,
)
API_KEYS = Kind(
    "entries from “python main.py key NAME”",
    _read_api_keys,
    _are_api_keys,
    lambda keys: ",".join(f"{name}:{sha256}" for sha256, name in keys.items()),
    is_secret=True,
)
BROKER = Kind(
    "an address that begins with amqp://, amqps://, redis:// or rediss://",
    is_right=re.compile(r"(amqp|redis)s?://\S+").fullmatch,
    is_secret=True,
)
STORAGE = Kind(
    "an address such as s3://bucket/folder",
    lambda text: text.rstrip("/"),
    re.compile(r"[a-z][a-z0-9+]{0,30}://\S+").fullmatch,
    is_secret=True,
)
PATH_MAP = Kind(
    "entries from=to of absolute paths",
    lambda text: tuple(map(Path, text.split("="))),
    lambda pair: len(pair) == 2 and all(path.is_absolute() for path in pair),
    lambda pair: "=".join(map(str, pair)),
    separator=os.pathsep,
)
SECRET = Kind("at least 32 characters long", is_right=lambda text: len(text) >= 32, is_secret=True)
