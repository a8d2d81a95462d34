"""Files of a scan as rows: from what is to be done to what was done, once, whatever happens to workers and messages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from jobs.queue.scan_files import ScanFile, ScanFiles
from library.catalogue.database import Catalogue
from library.catalogue.tables import Note
from library.collection.files import File, walk
from ml.report.errors import EmptyError


def scan_of(catalogue: Catalogue, music: Path) -> tuple[ScanFiles, int, list[int]]:
    files = ScanFiles(catalogue)
    files.add(1, [file for file in walk([music]) if isinstance(file, File)])
    return files, 1, files.take_unsent(1, 100)


def test_each_file_is_sent_once_until_its_message_is_taken_for_lost(catalogue: Catalogue, music: Path) -> None:
    files, scan_id, ids = scan_of(catalogue, music)
    assert len(ids) == 6 and files.take_unsent(scan_id, 100) == []
    assert files.unsend(scan_id) == 6
    assert files.take_unsent(scan_id, 4) == ids[:4] and files.take_unsent(scan_id, 4) == ids[4:]


def test_a_result_is_written_once_with_the_end_of_its_row(catalogue: Catalogue, music: Path) -> None:
    files, scan_id, ids = scan_of(catalogue, music)
    assert len(files.claim_rows(ids, "worker", charge=False)) == 6

    def write(session: Session) -> str:
        session.add(Note(name="result", value="1"))
        return "added"

    with ThreadPoolExecutor(5) as threads:
        written = list(threads.map(lambda _: files.finish(ids[0], "worker", write), range(5)))
    assert sorted(written) == [False] * 4 + [True] and not files.finish(ids[1], "another", write)
    with pytest.raises(ZeroDivisionError):
        files.finish(ids[1], "worker", lambda session: str(1 / 0))
    assert files.count_left(scan_id) == (0, 5)
    (ended,) = files.collect(scan_id)
    assert (ended.outcome, ended.failure_code, ended.file.size) == ("added", None, ended.file.path.stat().st_size)
    assert files.release("worker") == 5 and files.count_left(scan_id) == (5, 0)
    files.discard(scan_id)
    assert files.count_left(scan_id) == (0, 0)


def test_a_file_that_is_lost_three_times_ends(catalogue: Catalogue, music: Path) -> None:
    files, scan_id, ids = scan_of(catalogue, music)
    for _ in range(3):
        (row,) = files.claim_rows(ids[:1], "worker", charge=False)
        assert files.charge(row.id, "worker")
        with catalogue.transaction() as session:
            session.execute(update(ScanFile).values(leased_until=datetime.now(UTC) - timedelta(seconds=1)))
        assert files.reclaim(EmptyError()) == 1
    assert [one.failure_code for one in files.collect(scan_id)] == ["empty"]
    assert files.claim_rows(ids[:1], "worker") == []


def test_a_later_scan_takes_over_what_is_left(catalogue: Catalogue, music: Path) -> None:
    files, first, ids = scan_of(catalogue, music)
    (held,) = files.claim_rows(ids[:1], "worker")
    second = first + 1
    files.take_over(second)
    assert files.count_left(first) == (0, 1)
    files.add(second, [file for file in walk([music]) if isinstance(file, File)])
    assert files.count_left(second) == (5, 1)
    assert files.finish(held.id, "worker", lambda session: "added")
    assert [one.outcome for one in files.collect(second)] == ["added"]
    files.discard(second)
    assert files.count_left(second) == (0, 0)
