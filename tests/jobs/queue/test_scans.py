"""Scans as rows: one at a time, stopped and resumed through the row, on both databases."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.queue import scans as scans_module
from jobs.queue.leases import DONE, FAILED, QUEUED, RUNNING, STOPPED, STOPPING
from jobs.queue.scans import BusyError, Scan, Scans
from library.catalogue.database import Catalogue
from ml.report.errors import EmptyError


@pytest.fixture
def scans(catalogue: Catalogue) -> Scans:
    return Scans(catalogue)


def latest(scans: Scans) -> Scan:
    found = scans.latest()
    assert found is not None
    return found


def expire(scans: Scans) -> None:
    scans.update(Scan.slot == 1, leased_until=datetime.now(UTC) - timedelta(seconds=1))


def claim(scans: Scans, engine: str) -> Scan | None:
    return next((claimed for scan in scans.waiting() if (claimed := scans.claim(scan.id, engine))), None)


def test_a_scan_goes_from_queued_to_done(scans: Scans) -> None:
    assert scans.latest() is None
    scans.add(Scan.of([Path("/music")], jobs=2, prune=True))
    assert (latest(scans).state, latest(scans).is_active) == (QUEUED, True)
    scan = claim(scans, "here")
    assert scan is not None and (scan.state, scan.folders, scan.jobs, scan.prune) == (
        *(RUNNING, ["/music"]),
        *(2, True),
    )
    assert scans.beat(scan.id, "here", 3, 9, "song\udcff.mp3")
    assert (latest(scans).done, latest(scans).total, latest(scans).name) == (3, 9, "song?.mp3")
    assert not scans.finish(scan.id, "there", {}, 9)
    assert scans.finish(scan.id, "here", {"analysed": 9}, 9)
    ended = latest(scans)
    assert (ended.state, ended.counts, ended.done, ended.slot) == (DONE, {"analysed": 9}, 9, None)
    assert ended.finished_at is not None and not ended.is_active
    assert not scans.beat(scan.id, "here", 1, 9, "")


def test_a_folder_may_have_any_name(scans: Scans) -> None:
    folder = Path(os.fsdecode(b"/music/\xff \x1b"))
    scans.add(Scan.of([folder]))
    assert [Path(name) for name in latest(scans).folders] == [folder]


def test_one_scan_at_a_time(scans: Scans) -> None:
    scans.add(Scan.of([Path("/music")]))
    with pytest.raises(BusyError):
        scans.add(Scan.of([Path("/music")]))
    scan = claim(scans, "here")
    assert scan is not None
    with pytest.raises(BusyError):
        scans.add(Scan.of([Path("/more")]))
    with scans.catalogue.session() as session:  # as if two had been queued at the same moment
        session.add(Scan.of([Path("/more")]))
        session.commit()
    assert claim(scans, "there") is None
    assert scans.fail(scan.id, "here", EmptyError())
    assert claim(scans, "there") is not None


def test_a_scan_is_stopped_through_its_row(scans: Scans) -> None:
    scans.add(Scan.of([Path("/music")]))
    scan = claim(scans, "here")
    assert scan is not None
    scans.stop()
    assert latest(scans).state == STOPPING
    assert not scans.beat(scan.id, "here", 3, 9, "")
    assert scans.end(scan.id, "here", STOPPED)
    scans.add(Scan.of([Path("/music")]))
    scans.stop()
    assert latest(scans).state == STOPPED and latest(scans).finished_at is not None


def test_an_expired_lease_queues_the_scan_again(scans: Scans) -> None:
    scans.add(Scan.of([Path("/music")]))
    first = claim(scans, "dead")
    assert first is not None
    scans.beat(first.id, "dead", 5, 9, "")
    expire(scans)
    assert (latest(scans).id, latest(scans).state, latest(scans).tries) == (first.id, QUEUED, 0)
    again = claim(scans, "alive")
    assert again is not None and (again.id, again.done, again.total) == (first.id, 0, None)
    assert not scans.beat(first.id, "dead", 6, 9, "")
    scans.stop()
    expire(scans)
    assert latest(scans).state == STOPPED


def test_a_scan_that_kills_its_process_has_three_tries(scans: Scans) -> None:
    scans.add(Scan.of([Path("/music")]))
    for again in (True, True, False):
        scan = claim(scans, "here")
        assert scan is not None and scans.retry(scan.id, "here") is again
    assert scans.fail(scan.id, "here", EmptyError())
    assert (latest(scans).state, latest(scans).failure_code) == (FAILED, "empty")


def test_the_terminal_resumes_the_same_scan_and_leaves_others_queued(scans: Scans) -> None:
    begun = scans.begin(Scan.of([Path("/music")]), "killed")
    assert (begun.state, begun.slot) == (RUNNING, 1)
    expire(scans)
    resumed = scans.begin(Scan.of([Path("/music")], jobs=3), "terminal")
    assert (resumed.id, resumed.engine) == (begun.id, "terminal")
    expire(scans)
    other = scans.begin(Scan.of([Path("/music")], prune=True), "terminal")
    assert other.id != begun.id and [scan.id for scan in scans.waiting()] == [begun.id]
    assert latest(scans).id == other.id


def test_the_terminal_is_refused_as_soon_as_a_lease_is_renewed(scans: Scans, monkeypatch: pytest.MonkeyPatch) -> None:
    running = scans.begin(Scan.of([Path("/music")]), "here")
    monkeypatch.setattr(scans_module.time, "sleep", lambda _: scans.beat(running.id, "here", 1, 2, ""))
    with pytest.raises(BusyError):
        scans.begin(Scan.of([Path("/music")]), "there")
    assert latest(scans).id == running.id


def test_the_terminal_takes_over_when_a_lease_runs_out(scans: Scans, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = scans.begin(Scan.of([Path("/music")]), "killed")
    monkeypatch.setattr(scans_module.time, "sleep", lambda _: expire(scans))
    assert scans.begin(Scan.of([Path("/music")]), "there").id == dead.id
