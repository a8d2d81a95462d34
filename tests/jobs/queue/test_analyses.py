"""An analysis from the queue to its end: claimed by one engine, queued again when that dies, ended once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from jobs.queue.analyses import DONE, FAILED, QUEUED, RUNNING, Analyses, Analysis, Upload
from jobs.queue.ids import new_id
from library.catalogue.database import Catalogue
from ml.report.errors import EmptyError


@pytest.fixture
def analyses(catalogue: Catalogue, tmp_path: Path) -> Analyses:
    return Analyses(catalogue, tmp_path)


def add(
    analyses: Analyses,
    client: str = "me",
    sender: str = "",
    *,
    content: str | None = None,
    keep_seconds: float | None = 60.0,
) -> str:
    """One upload of a single byte, with a content of its own unless one is given."""
    analysis_id = new_id()
    analyses.files.folder(analysis_id).mkdir(parents=True)
    (analyses.files.folder(analysis_id) / "song").write_bytes(b"x")
    upload = Upload(client, "노래.mp3", "song", "MP3", 2**33, content or analysis_id, sender)
    analyses.add(analysis_id, upload, keep_seconds=keep_seconds)
    return analysis_id


def state(analyses: Analyses, analysis_id: str) -> str:
    found = analyses.get(analysis_id)
    assert found is not None
    return found.state


def run_out(analyses: Analyses, analysis_id: str) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    with analyses.catalogue.session() as session:
        session.execute(update(Analysis).where(Analysis.id == analysis_id).values(leased_until=past))
        session.commit()


def test_analysis_goes_from_queued_to_done(analyses: Analyses) -> None:
    one = add(analyses)
    assert state(analyses, one) == QUEUED
    claimed = analyses.claim("here")
    assert claimed is not None and (claimed.id, claimed.state, claimed.tries) == (one, RUNNING, 1)
    assert analyses.claim("there") is None
    assert analyses.set_progress(one, "here", "trunk", 0.5)
    found = analyses.get(one)
    assert found is not None and (found.stage, found.progress, found.name) == ("trunk", 0.5, "노래.mp3")
    assert analyses.finish(one, "here", {"schema": 1})
    found = analyses.get(one)
    assert found is not None and (found.state, found.report, found.progress) == (DONE, {"schema": 1}, 1.0)
    assert not analyses.finish(one, "here", {"schema": 2})
    assert not analyses.fail(one, "here", EmptyError())


def test_a_failure_is_stored_as_sentence_and_facts(analyses: Analyses) -> None:
    one = add(analyses)
    analyses.claim("here")
    assert analyses.fail(one, "here", EmptyError())
    found = analyses.get(one)
    assert found is not None and (found.state, found.failure_code) == (FAILED, "empty")
    assert found.failure == {"sentence": EmptyError.sentence, "facts": {}}


def test_only_the_engine_with_the_lease_can_change_an_analysis(analyses: Analyses) -> None:
    one = add(analyses)
    analyses.claim("here")
    assert not analyses.set_progress(one, "there", "trunk", 0.5)
    assert not analyses.finish(one, "there", {})
    assert state(analyses, one) == RUNNING


def test_clients_take_turns(analyses: Analyses) -> None:
    mine = [add(analyses, "me") for _ in range(3)]
    yours = [add(analyses, "you") for _ in range(2)]
    order = []
    while claimed := analyses.claim("here"):
        order.append(claimed.id)
    assert order == [mine[0], yours[0], mine[1], yours[1], mine[2]]


def test_senders_take_turns_whatever_their_cookies(analyses: Analyses) -> None:
    """Fresh cookies bring no earlier turn; the browsers of one sender take turns among themselves."""
    many = [add(analyses, f"cookie {number}", "one house") for number in range(3)]
    twice = add(analyses, "cookie 0", "one house")
    other = add(analyses, "you", "another house")
    order = []
    while claimed := analyses.claim("here"):
        order.append(claimed.id)
    assert order == [many[0], other, many[1], many[2], twice]


def test_waiting_songs_are_counted_by_browser_and_by_sender(analyses: Analyses) -> None:
    for client, sender in (("me", "here"), ("me", "there"), ("you", "here"), ("others", "elsewhere")):
        add(analyses, client, sender)
    assert analyses.count_waiting_of("me", None) == 2
    assert analyses.count_waiting_of("me", "here") == 3
    analyses.claim("engine")
    assert analyses.count_waiting_of("me", "here") == 2


def test_a_dead_engine_loses_its_lease(analyses: Analyses) -> None:
    one, other = add(analyses), add(analyses)
    analyses.claim("dead")
    analyses.claim("alive")
    run_out(analyses, one)
    run_out(analyses, other)
    analyses.renew("alive")
    assert analyses.reclaim() == 1
    assert (state(analyses, one), state(analyses, other)) == (QUEUED, RUNNING)
    again = analyses.claim("alive")
    assert again is not None and (again.id, again.tries) == (one, 1)
    assert not analyses.finish(one, "dead", {})


def test_an_analysis_has_three_tries(analyses: Analyses) -> None:
    one = add(analyses)
    for _ in range(2):
        analyses.claim("here")
        assert analyses.retry(one, "here")
    analyses.claim("here")
    assert not analyses.retry(one, "here")
    assert state(analyses, one) == RUNNING


def test_a_lost_worker_costs_a_try_and_the_third_ends_the_song(analyses: Analyses) -> None:
    one = add(analyses)
    for tries in (1, 2, 3):
        claimed = analyses.claim("worker")
        assert claimed is not None and claimed.tries == tries
        assert analyses.reclaim(EmptyError()) == 0
        run_out(analyses, one)
        assert analyses.reclaim(EmptyError()) == 1
    found = analyses.get(one)
    assert found is not None and (found.state, found.failure_code, found.tries) == (FAILED, "empty", 3)
    assert analyses.claim("worker") is None and not analyses.finish(one, "worker", {})


def test_rows_are_claimed_once_however_often_a_message_is_delivered(analyses: Analyses) -> None:
    ids = [add(analyses) for _ in range(6)]
    with ThreadPoolExecutor(8) as threads:
        names = [f"worker {number}" for number in range(8)]
        claimed = list(threads.map(lambda name: analyses.claim_rows(ids, name), names))
    assert sorted(row.id for rows in claimed for row in rows) == sorted(ids)
    assert analyses.claim_rows(ids, "late") == []


def test_a_claimed_batch_is_charged_as_each_row_begins(analyses: Analyses) -> None:
    ids = [add(analyses) for _ in range(2)]
    assert [(row.id, row.tries) for row in analyses.claim_rows(ids[::-1], "worker", charge=False)] == [
        (ids[1], 0),
        (ids[0], 0),
    ]
    assert analyses.charge(ids[0], "worker") and not analyses.charge(ids[0], "another")
    for one, tries in zip(ids, (1, 0), strict=True):
        found = analyses.get(one)
        assert found is not None and found.tries == tries


def test_the_same_bytes_are_analysed_by_one_at_a_time(analyses: Analyses) -> None:
    one, twin, other = add(analyses, content="a"), add(analyses, content="a"), add(analyses, content="b")
    first, second = analyses.claim("here"), analyses.claim("there")
    assert first is not None and second is not None and (first.id, second.id) == (one, other)
    assert analyses.claim("there") is None and analyses.claim_rows([twin], "there") == []
    assert analyses.finish(one, "here", {"schema": 1})
    third = analyses.claim("there")
    assert third is not None and third.id == twin


def test_an_engine_that_ends_normally_costs_no_try(analyses: Analyses) -> None:
    one = add(analyses)
    analyses.claim("here")
    assert analyses.release("here") == 1
    found = analyses.get(one)
    assert found is not None and (found.state, found.tries) == (QUEUED, 0)


def test_a_deleted_analysis_leaves_nothing(analyses: Analyses) -> None:
    one = add(analyses)
    analyses.claim("here")
    assert analyses.delete(one)
    assert analyses.get(one) is None and not analyses.files.folder(one).exists()
    assert not analyses.delete(one)
    assert not analyses.set_progress(one, "here", "trunk", 0.5)


@pytest.mark.parametrize("address", ["..", ".", "", "../canary", "a/b", "a\0", "a" * 33, "\n", "é"])
def test_a_strangers_address_names_no_folder(analyses: Analyses, tmp_path: Path, address: str) -> None:
    """Every address here lies inside the test's own folder: were it followed, only that would suffer."""
    one = add(analyses)
    canary = tmp_path / "canary"
    canary.mkdir()
    with pytest.raises(ValueError, match="no address"):
        analyses.files.folder(address)
    assert not analyses.delete(address)
    assert canary.exists() and analyses.files.folder(one).exists()


def test_a_folder_without_a_row_is_left_alone(analyses: Analyses) -> None:
    stranger = analyses.files.folder("stranger")
    stranger.mkdir(parents=True)
    assert not analyses.delete("stranger")
    assert stranger.exists()


def test_expired_analyses_are_listed(analyses: Analyses) -> None:
    old = add(analyses, keep_seconds=-1.0)
    add(analyses, keep_seconds=None)
    add(analyses)
    assert analyses.expired() == [old]


def test_a_verdict_is_stored(analyses: Analyses) -> None:
    one = add(analyses)
    assert analyses.set_verdict(one, "jazz")
    found = analyses.get(one)
    assert found is not None and found.verdict == "jazz"
    assert not analyses.set_verdict("nobody", "jazz")


def test_recent_analyses_are_the_clients_own_and_newest_first(analyses: Analyses) -> None:
    first, _, last = add(analyses), add(analyses, "you"), add(analyses)
    assert [analysis.id for analysis in analyses.recent("me")] == [last, first]
    assert (analyses.count(QUEUED), analyses.count_waiting_of("you", None), analyses.count(DONE)) == (3, 1, 0)
