"""The settings of one installation: one declaration for each, read from the environment once, when a process starts.

Only the entry points of processes read them: `main`, `preprocess`, and in the web process `web.app.create_app` and
`web.server.gunicorn_settings`, which gunicorn loads. All other code is given values. A setting that cannot be used
stops the start with the variable's name, because a typing error that is silently ignored shows up months later.

`python -m environment > docs/settings.md` writes the page about them.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

from ml.audio.settings import DEFAULT_LIMITS
from ml.paths import DEFAULT_HOME
from ml.report.errors import SoriError

LANGUAGES = ("en", "ko")


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


def _choice(yes: str, no: str) -> Kind:
    written = {True: yes, False: no}
    return Kind(f"{yes} or {no}", {yes: True, no: False}.__getitem__, write=written.__getitem__)


def _whole(minimum: int, maximum: int) -> Kind:
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
PORT = _whole(1, 65535)
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
SECRET = Kind("at least 32 characters long", is_right=lambda text: len(text) >= 32, is_secret=True)


@dataclass(frozen=True)
class Environment:
    """Every setting with its kind, its help text and its default. The variable of `max_seconds` is SORI_MAX_SECONDS."""

    max_seconds: Annotated[
        float,
        SECONDS,
        "how many seconds of each file are analysed; the rest is left out, with a note in the report. At least 1. "
        "`--max-seconds` overrides it",
    ] = DEFAULT_LIMITS.max_seconds
    genre_weights: Annotated[
        Path | None, FILE, "your own genre model instead of that in `weight/`, of any kind of `ml.train --model`"
    ] = None
    mood_weights: Annotated[
        Path | None, FILE, "your own mood model instead of that in `weight/`, from `ml.train --task mood`"
    ] = None
    home: Annotated[Path, PATH, "folder of the library and all else that Sori stores"] = DEFAULT_HOME
    database_url: Annotated[
        str | None, DATABASE, "a PostgreSQL, `postgresql://user@host/name`, instead of SQLite in `SORI_HOME`"
    ] = field(default=None, repr=False)
    debug: Annotated[bool, SWITCH, "`1` prints the Python traceback of a failure, for bug reports"] = False
    host: Annotated[
        str, TEXT, "the address that the web service listens on; `0.0.0.0`, as in Docker, is every network"
    ] = "127.0.0.1"
    port: Annotated[int, PORT, "the port that the web service listens on"] = 8000
    workers: Annotated[
        int, _whole(0, 256), "how many processes analyse uploads, about 800 MB each; `0` is half the cores"
    ] = 0
    max_upload_mb: Annotated[int, _whole(1, 4096), "the largest file that can be uploaded, in MB"] = 100
    expire_hours: Annotated[
        int, _whole(0, 24 * 3650), "how long an upload and its report are kept; `0` keeps them until deleted"
    ] = 24
    folders: Annotated[
        tuple[Path, ...], FOLDERS, "music folders for the library page: absolute paths with `:` between them"
    ] = ()
    threads: Annotated[int, _whole(2, 512), "how many requests the web process answers at the same time"] = 16
    password_hash: Annotated[
        str | None,
        PASSWORD_HASH,
        "the hash of the password for changing the library; `python main.py password` makes it. It holds `$` signs: "
        "put it in single quotes",
    ] = field(default=None, repr=False)
    private: Annotated[
        bool, SWITCH, "`1` shows nothing to people who have not signed in. It needs a password or an API key"
    ] = False
    api_keys: Annotated[
        Mapping[str, str],
        API_KEYS,
        "entries `name:sha256` with commas between them, or the path of a file with one per line; "
        "`python main.py key NAME` makes one",
    ] = field(default_factory=dict, repr=False)
    """The name of each key by its SHA-256."""
    secret_key: Annotated[
        str | None,
        SECRET,
        "what cookies are signed with, at least 32 characters. One is made in `SORI_HOME` where none is set; "
        "machines that share no home need the same one",
    ] = field(default=None, repr=False)
    hosts: Annotated[
        tuple[str, ...],
        HOSTS,
        "the service's host names, with commas between them. Addresses, `localhost` and the machine's name always "
        "work; `*` allows any name",
    ] = ()
    proxies: Annotated[
        int, _whole(0, 10), "how many proxies set `X-Forwarded-For`, `-Proto` and `-Host`; `0` ignores these"
    ] = 0
    rate_limits: Annotated[
        bool, ON_OR_OFF, "`off` sets no limit on how often a client may call and upload, for measuring"
    ] = True
    queue: Annotated[
        int, _whole(1, 1_000_000), "how many songs may wait; more uploads are refused until some are done"
    ] = 200
    client_queue: Annotated[
        int, _whole(1, 1_000_000), "how many waiting songs may come from one browser or one program"
    ] = 50
    min_free_mb: Annotated[
        int, _whole(0, 10_000_000), "how many megabytes an upload must leave free on the disk of `SORI_HOME`"
    ] = 500


class Setting(NamedTuple):
    variable: str
    kind: Kind
    help: str


SETTINGS = {
    name: Setting(f"SORI_{name.upper()}", *annotation.__metadata__)
    for name, annotation in get_type_hints(Environment, include_extras=True).items()
}
"""The settings by their names in `Environment`."""
PRIVATE_REQUIREMENT = "0 until SORI_PASSWORD_HASH or SORI_API_KEYS is set"
REQUIREMENTS = {one.kind.requirement for one in SETTINGS.values()} - {""} | {PRIVATE_REQUIREMENT}
"""What completes the sentence of the error."""


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Check every setting; an empty variable counts as one that is not set."""
    environment = Environment(
        **{
            name: setting.kind.read(setting.variable, variables[setting.variable])
            for name, setting in SETTINGS.items()
            if variables.get(setting.variable)
        }
    )
    if environment.private and not (environment.password_hash or environment.api_keys):
        raise SettingError(name="SORI_PRIVATE", value="1", format=PRIVATE_REQUIREMENT)
    return environment


def to_variables(environment: Environment) -> dict[str, str]:
    """The variables for a child process, which reads the same settings from them in whatever folder it runs."""
    return {one.variable: one.kind.to_text(getattr(environment, name)) for name, one in SETTINGS.items()}


parse_port, parse_seconds = PORT.read, SECONDS.read
"""The value of a command's option: `parse_port("--port", "8000")`."""


def read_language(variables: Mapping[str, str]) -> str:
    """The person's language by the POSIX rule: the first of the three that is set decides. Never fails."""
    values = (variables.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    language = next(filter(None, values), "")[:2].lower()
    return language if language in LANGUAGES else "en"


_PAGE = """# Settings

Sori reads its settings from environment variables once, when it starts. An empty variable counts as not set. A value
that cannot be used stops the start with exit code 2 and a sentence that names the variable.

| variable | default | meaning |
|---|---|---|
{rows}
| `SORI_SHARED` | `../shared` | for developers: the folder of the research data that some tests need |
| `SORI_TEST_POSTGRESQL` | `postgresql+psycopg://postgres@127.0.0.1:5432/test` | for developers: a server where the \
tests may create databases of their own; without one they skip that half |

The language of terminal text follows the system (`LC_ALL`, `LC_MESSAGES`, `LANG`): Korean, else English; `--lang`
overrides it. [`NO_COLOR`](https://no-color.org) switches colours off.
"""


def settings_page() -> str:
    """The text of docs/settings.md."""
    defaults = to_variables(Environment()) | {"SORI_HOME": "var/"}
    shown = {variable: f"`{text}`" if text else "none" for variable, text in defaults.items()}
    rows = (f"| `{one.variable}` | {shown[one.variable]} | {one.help} |" for one in SETTINGS.values())
    return _PAGE.format(rows="\n".join(rows))


if __name__ == "__main__":
    print(settings_page(), end="")
