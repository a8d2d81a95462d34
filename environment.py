"""The settings of one installation: one declaration for each, read from the environment once, when a process starts.

Only the entry points of processes read them: `main`, `preprocess`, and in the web process `web.app.create_app` and
`web.server.gunicorn_settings`, which gunicorn loads. All other code is given values. A setting that cannot be used
stops the start with the variable's name, because a typing error that is silently ignored shows up months later.

`python -m environment > docs/settings.md` writes the page about them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple, get_type_hints

from ml.audio.settings import DEFAULT_LIMITS
from ml.lyrics.settings import ASR_MODEL, MODELS_FOLDER_NAME, TEXT_MODEL, LyricsSettings
from ml.paths import DEFAULT_HOME
from setting_kinds import (
    API_KEYS,
    BROKER,
    DATABASE,
    FILE,
    FOLDERS,
    HOSTS,
    MODEL,
    ON_OR_OFF,
    PASSWORD_HASH,
    PATH,
    PATH_MAP,
    PORT,
    SECONDS,
    SECRET,
    STORAGE,
    SWITCH,
    TEXT,
    Kind,
    SettingError,
    whole,
)

LANGUAGES = ("en", "ko")


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
    lyrics: Annotated[
        bool, ON_OR_OFF, "`on` reads the words of songs too. It needs the packages of `requirements-lyrics.txt`"
    ] = False
    asr_model: Annotated[
        str,
        MODEL,
        "the model that writes down what is sung: a name on the Hugging Face hub or a folder; a CTC model such as "
        "Wav2Vec2, or a speech-to-text model such as Whisper. `python -m ml.lyrics fetch` downloads it",
    ] = ASR_MODEL
    text_model: Annotated[
        str,
        MODEL,
        "the model that reads a genre from words: a folder that `python -m ml.train --task lyrics` wrote. By default "
        "the shipped models do, and the name is that of the pretrained BERT that `python -m ml.lyrics fetch` downloads",
    ] = TEXT_MODEL
    home: Annotated[Path, PATH, "folder of the library and all else that Sori stores"] = DEFAULT_HOME
    database_url: Annotated[
        str | None, DATABASE, "a PostgreSQL, `postgresql://user@host/name`, instead of SQLite in `SORI_HOME`"
    ] = field(default=None, repr=False)
    broker_url: Annotated[
        str | None,
        BROKER,
        "a RabbitMQ (`amqp://`) or Redis (`redis://`) that wakes the workers of many machines; without one, one engine "
        "analyses everything. It needs a PostgreSQL and the packages of `requirements-cluster.txt`",
    ] = field(default=None, repr=False)
    quorum_queues: Annotated[
        bool,
        ON_OR_OFF,
        "`off` has RabbitMQ use classic queues. That is right for a single one older than 3.13: killed at the wrong "
        "moment, it may not start a quorum queue again",
    ] = True
    worker_port: Annotated[
        int, whole(0, 65535), "where `python main.py work` serves `/healthz` and `/metrics` with a broker; `0`: nowhere"
    ] = 8001
    path_map: Annotated[
        tuple[tuple[Path, ...], ...],
        PATH_MAP,
        "where this machine finds the music that others have elsewhere: entries `theirs=ours` with `:` between them",
    ] = ()
    storage_url: Annotated[
        str | None,
        STORAGE,
        "where uploads and their pictures are kept instead of `SORI_HOME`, for example `s3://bucket/folder`",
    ] = field(default=None, repr=False)
    cache_mb: Annotated[
        int, whole(1, 1_000_000), "how many MB of files from `SORI_STORAGE_URL` a machine keeps in `SORI_HOME`"
    ] = 2000
    debug: Annotated[bool, SWITCH, "`1` prints the Python traceback of a failure, for bug reports"] = False
    host: Annotated[
        str, TEXT, "the address that the web service listens on; `0.0.0.0`, as in Docker, is every network"
    ] = "127.0.0.1"
    port: Annotated[int, PORT, "the port that the web service listens on"] = 8000
    workers: Annotated[
        int, whole(0, 256), "how many processes analyse uploads, about 800 MB each; `0` is half the cores"
    ] = 0
    max_upload_mb: Annotated[int, whole(1, 4096), "the largest file that can be uploaded, in MB"] = 100
    expire_hours: Annotated[
        int, whole(0, 24 * 3650), "how long an upload and its report are kept; `0` keeps them until deleted"
    ] = 24
    folders: Annotated[
        tuple[Path, ...], FOLDERS, "music folders for the library page: absolute paths with `:` between them"
    ] = ()
    connections: Annotated[
        int,
        whole(16, 65536),
        "how many connections the web process keeps open at the same time, half of them from one address; fewer where "
        "the system's limit of open files (`ulimit -Hn`) is lower than twice as many",
    ] = 4000
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
        int,
        whole(0, 10),
        "how many proxies set `X-Forwarded-For`, `-Proto` and `-Host`; with any, changes need a password",
    ] = 0
    rate_limits: Annotated[
        bool, ON_OR_OFF, "`off`, for measuring, sets no limit on calls and uploads, nor on waiting songs by address"
    ] = True
    queue: Annotated[
        int, whole(1, 1_000_000), "how many songs may wait; more uploads are refused until some are done"
    ] = 200
    client_queue: Annotated[
        int, whole(1, 1_000_000), "how many waiting songs may come from one browser, and from one address or API key"
    ] = 50
    min_free_mb: Annotated[
        int, whole(0, 10_000_000), "how many megabytes an upload must leave free on the disk of `SORI_HOME`"
    ] = 500

    @property
    def pool_size(self) -> int:
        """How many processes analyse uploads: half as many as there are cores, as each has threads of its own."""
        return self.workers or max(1, (os.cpu_count() or 1) // 2)

    @property
    def lyrics_settings(self) -> LyricsSettings | None:
        """What the lyrics analyser needs; None while it is off."""
        if not self.lyrics:
            return None
        return LyricsSettings(self.asr_model, self.text_model, self.home / MODELS_FOLDER_NAME)


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
BROKER_REQUIREMENT = "unset until SORI_DATABASE_URL names the PostgreSQL that all machines share"
REQUIREMENTS = {one.kind.requirement for one in SETTINGS.values()} - {""} | {PRIVATE_REQUIREMENT, BROKER_REQUIREMENT}
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
    if environment.broker_url and not environment.database_url:
        raise SettingError(name="SORI_BROKER_URL", value="…", format=BROKER_REQUIREMENT)
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
