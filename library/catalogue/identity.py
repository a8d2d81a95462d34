"""Which database a home belongs to: one random identity is a note in the database and a file in the home.

An engine deletes the folders of songs that its database does not know. In the home of another database, those would be
all songs.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select, text

from library.catalogue.migration import exclusive
from library.catalogue.tables import Note
from ml.report.errors import SoriError

FILE_NAME = "identity"
NOTE_NAME = "identity"
SONG_FOLDER = "analyses"
"""The folder of the home and the table with the uploaded songs: each folder in it has the id of a row."""
_LOOKED_UP = 500


class StrangerError(SoriError):
    code = "stranger"
    sentence = (
        "The folder {home} belongs to another database, which knows the songs in it. Set SORI_HOME and "
        "SORI_DATABASE_URL to a pair that belongs together, or delete the file {file} to give the folder to this "
        "database."
    )

    def __init__(self, *, home: str | Path, file: str | Path) -> None:
        super().__init__(home=str(home), file=str(file))


def claim(engine: Engine, home: Path) -> None:
    """Check that the home belongs to this database; a new home is given to it. Raises where it is another's."""
    with engine.connect() as connection:
        if is_owned(connection, home):
            return
    with exclusive(engine) as connection:
        identity = read_note(connection)
        if read_file(home) is None and _holds_unknown_songs(connection, home):
            raise StrangerError(home=home, file=home / FILE_NAME)
        if identity is None:
            identity = secrets.token_hex(16)
            connection.execute(insert(Note).values(name=NOTE_NAME, value=identity))
    # After the commit: a file without its note would make the home a stranger's, a note without its file does not.
    if read_file(home) is None:
        _write(home / FILE_NAME, identity)
    if read_file(home) != identity:
        raise StrangerError(home=home, file=home / FILE_NAME)


def is_owned(connection: Connection, home: Path) -> bool:
    """Whether the home belongs to the database of this connection."""
    identity = read_note(connection)
    return identity is not None and identity == read_file(home)


def read_note(connection: Connection) -> str | None:
    return connection.scalar(select(Note.value).where(Note.name == NOTE_NAME))


def read_file(home: Path) -> str | None:
    """None where there is no file, or an empty one, which a loss of power may leave."""
    try:
        return (home / FILE_NAME).read_text(encoding="ascii", errors="replace").strip() or None
    except FileNotFoundError:
        return None


def _write(path: Path, identity: str) -> None:
    """Completely or not at all, and never over the identity of another database, which may have come just now."""
    new = path.with_name(f"{path.name}-{secrets.token_hex(4)}")
    try:
        with new.open("x", encoding="ascii") as file:
            file.write(identity + "\n")
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not path.stat().st_size:  # by a loss of power
            path.unlink()
        try:
            os.link(new, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            new.rename(path)
    finally:
        new.unlink(missing_ok=True)


def _holds_unknown_songs(connection: Connection, home: Path) -> bool:
    """Whether the home has folders of songs and this database knows none of them."""
    with suppress(FileNotFoundError, NotADirectoryError):
        names = [path.name for path in (home / SONG_FOLDER).iterdir() if re.fullmatch(r"[\w-]+", path.name)]
        known = text(f"SELECT count(*) FROM {SONG_FOLDER} WHERE id = :id")  # noqa: S608 - a constant
        return bool(names) and not any(connection.scalar(known, {"id": name}) for name in names[:_LOOKED_UP])
    return False
