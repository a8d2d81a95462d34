"""While one greenlet waits for the database or for a long computation, the others go on."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.sources import ROOT
from web.cooperative import Connection, in_native_thread

START = """
from gevent import monkey
monkey.patch_all()
import json, sqlite3, sys, threading, time
from pathlib import Path
import gevent
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Note
from web.cooperative import Connection, in_native_thread

turns = 0

def count_turns():
    global turns
    while True:
        turns += 1
        gevent.sleep(0.001)

gevent.spawn(count_turns)
home = Path(sys.argv[1])
"""

LOCKED = """
catalogue = open_catalogue(home, connection=Connection)
other = sqlite3.connect(home / "library.db", check_same_thread=False)
other.execute("BEGIN IMMEDIATE")
gevent.spawn_later(0.5, other.rollback)
before = turns
with catalogue.transaction() as session:
    session.add(Note(name="written", value="after the lock"))
waited = turns - before
with catalogue.session() as session:
    value = session.get(Note, "written").value
print(json.dumps({"turns": waited, "value": value}))
"""

LONG_QUERY = """
connection = sqlite3.connect(home / "long.db", timeout=1.0, check_same_thread=False, factory=Connection)
before = turns
steps = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n"
value = connection.cursor().execute(steps).fetchone()[0]
print(json.dumps({"turns": turns - before, "value": value}))
"""

COMPUTATION = """
import hashlib
before = turns
value = len(in_native_thread(lambda: hashlib.sha256(bytes(300_000_000)).digest()))
print(json.dumps({"turns": turns - before, "value": value}))
"""


def run_with_greenlets(code: str, home: Path) -> dict[str, object]:
    command = [sys.executable, "-W", "error", "-c", START + code, str(home)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return dict(json.loads(ended.stdout))


@pytest.mark.parametrize(
    ("code", "value"),
    [(LOCKED, "after the lock"), (LONG_QUERY, 3_000_000), (COMPUTATION, 32)],
    ids=["lock", "query", "hash"],
)
def test_other_greenlets_go_on(code: str, value: object, tmp_path: Path) -> None:
    result = run_with_greenlets(code, tmp_path)
    assert result["value"] == value
    assert int(str(result["turns"])) > 10


def test_the_wait_for_a_lock_ends(tmp_path: Path) -> None:
    settings = {"timeout": 0.2, "check_same_thread": False, "factory": Connection}
    with closing(sqlite3.connect(tmp_path / "a.db")) as other:
        other.execute("CREATE TABLE a(x)")
        other.execute("BEGIN IMMEDIATE")
        with (
            closing(sqlite3.connect(tmp_path / "a.db", **settings)) as connection,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            connection.execute("INSERT INTO a VALUES (1)")


def test_calls_are_direct_without_greenlets() -> None:
    assert in_native_thread(divmod, 7, 2) == (3, 1)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_every_row_is_fetched_once(count: int, tmp_path: Path) -> None:
    settings: dict[str, object] = {"timeout": 1.0, "check_same_thread": False, "factory": Connection}
    with closing(sqlite3.connect(tmp_path / "a.db", **settings)) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE a(x)")
        cursor.executemany("INSERT INTO a VALUES (?)", [(number,) for number in range(count)])
        connection.commit()
        expected = [(number,) for number in range(count)]
        select = "SELECT x FROM a ORDER BY x"
        assert cursor.execute(select).fetchall() == expected
        assert cursor.fetchall() == [] and cursor.fetchone() is None
        assert list(iter(cursor.execute(select).fetchone, None)) == expected
        cursor.execute(select)
        assert [*cursor.fetchmany(70), *cursor.fetchmany(70), *cursor.fetchall()] == expected
    with closing(sqlite3.connect(tmp_path / "a.db")) as other:
        assert other.execute("SELECT count(*) FROM a").fetchone() == (count,)
