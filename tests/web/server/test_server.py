"""Around every request: headers, limits, health, metrics, and a failing database or disk."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from jobs.queue.analyses import Analyses, Analysis
from jobs.queue.limits import Rate
from library.catalogue.backups import DATABASE_NAME
from web.access import headers, rate_limits
from web.context import NAME

Make = Callable[..., Flask]


ELSEWHERE = {"REMOTE_ADDR": "10.0.0.9"}


def upload(browser: FlaskClient, song: Path, **extra: Any) -> Any:
    return browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")}, **extra)


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json()["error"]["code"]


# --- headers -----------------------------------------------------------------------------------------


def test_every_kind_of_answer_has_the_policy(
    browser: FlaskClient, app: Flask, analyses: Analyses, song: Path, hear: Callable[..., str]
) -> None:
    app.add_url_rule("/bug", "bug", lambda: 1 / 0)
    waiting = upload(browser, song).get_json()["url"]
    answers = {path: browser.get(path).headers for path in ("/", waiting, "/nowhere", "/bug", "/healthz", "/metrics")}
    hear(waiting.removeprefix("/a/"))
    answers["result"] = browser.get(waiting).headers
    answers["forbidden"] = browser.post("/").headers
    answers["host"] = browser.get("/", headers={"Host": "evil.example"}).headers
    with browser.get("/static/style.css") as style:
        answers["static"] = style.headers
    for path, received in answers.items():
        assert received["Content-Security-Policy"] == headers.POLICY, path
        assert received["X-Content-Type-Options"] == "nosniff", path
        assert received["Cross-Origin-Opener-Policy"] == "same-origin", path
        assert re.fullmatch("[0-9a-f]{16}", received["X-Request-ID"]), path
    assert "unsafe" not in headers.POLICY and "default-src 'none'" in headers.POLICY


def test_static_files_are_cached_until_they_change(browser: FlaskClient) -> None:
    link = re.search(r'href="(/static/style\.css\?v=[0-9a-f]{12})"', browser.get("/").text)
    assert link
    with browser.get(link[1]) as hashed, browser.get("/static/style.css") as plain:
        assert "immutable" in hashed.headers["Cache-Control"]
        assert plain.headers["Cache-Control"] == "no-cache"


def test_text_is_compressed_where_the_client_accepts_it(browser: FlaskClient) -> None:
    plain = browser.get("/static/style.css")
    small = browser.get("/static/style.css", headers={"Accept-Encoding": "gzip"})
    refused = browser.get("/static/style.css", headers={"Accept-Encoding": "gzip;q=0"})
    with plain, small, refused:
        assert small.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in refused.headers
        assert gzip.decompress(small.data) == plain.data and len(small.data) < len(plain.data) / 2
        assert "Accept-Encoding" in small.headers["Vary"] and "Accept-Encoding" in plain.headers["Vary"]
        tag = small.headers["ETag"]
    again = browser.get("/static/style.css", headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
    with again:
        assert again.status_code == 304


# --- limits ------------------------------------------------------------------------------------------


def test_uploads_are_limited_over_two_applications(make: Make, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "UPLOADS", Rate("upload", burst=2, seconds=60.0))
    one, other = make().test_client(), make().test_client()
    assert [upload(one, song).status_code, upload(other, song).status_code] == [202, 202]
    refused = upload(one, song)
    assert code_of(refused) == (429, "too_often") and 50 < int(refused.headers["Retry-After"]) <= 60
    assert upload(other, song, environ_overrides={"REMOTE_ADDR": "10.0.0.9"}).status_code == 202


def test_calls_are_limited(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "CALLS", Rate("call", burst=40, seconds=60.0))
    browser = make().test_client()
    answers = [browser.get("/api/v1/analyses/x").status_code for _ in range(41)]
    assert answers == [404] * 40 + [429]
    assert browser.get("/").status_code == 200


def test_limits_can_be_switched_off(make: Make, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "UPLOADS", Rate("upload", burst=1, seconds=60.0))
    browser = make(rate_limits=False).test_client()
    assert [upload(browser, song).status_code for _ in range(3)] == [202] * 3


def test_no_address_is_stored(make: Make, song: Path) -> None:
    app = make()
    upload(app.test_client(), song, environ_overrides={"REMOTE_ADDR": "203.0.113.77"})
    app.extensions[NAME].catalogue.close()
    home = app.extensions[NAME].environment.home
    assert not any(b"203.0.113" in path.read_bytes() for path in home.glob("*.db*"))


def test_a_full_queue_says_when_to_try_again(make: Make, song: Path) -> None:
    browser = make(queue=2).test_client()
    assert [upload(browser, song).status_code for _ in range(2)] == [202] * 2
    refused = upload(browser, song)
    assert code_of(refused) == (503, "queue_full") and int(refused.headers["Retry-After"]) >= 1
    assert "2 songs are waiting" in refused.get_json()["error"]["message"]
    assert browser.get("/healthz").get_json()["problems"].count("queue_full") == 1


def test_one_browser_cannot_fill_the_queue(make: Make, song: Path) -> None:
    """Neither with other addresses."""
    app = make(client_queue=1)
    greedy = app.test_client()
    assert upload(greedy, song).status_code == 202
    assert code_of(upload(greedy, song)) == (429, "own_queue")
    assert code_of(upload(greedy, song, environ_overrides=ELSEWHERE)) == (429, "own_queue")
    assert upload(app.test_client(), song, environ_overrides=ELSEWHERE).status_code == 202


def test_uploads_that_end_together_get_no_more_places(make: Make, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is counted before the next one is added."""
    app = make(client_queue=2)
    add = Analyses.add

    def add_slowly(*given: Any, **how: Any) -> Analysis:
        time.sleep(0.2)
        return add(*given, **how)

    monkeypatch.setattr(Analyses, "add", add_slowly)
    monkeypatch.setattr(rate_limits, "QUEUE_LOCK_SECONDS", 60.0)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: upload(app.test_client(), song).status_code, range(6)))
    assert sorted(answers) == [202] * 2 + [429] * 4
    assert len(list(app.extensions[NAME].analyses.root.iterdir())) == 2


def test_one_address_cannot_fill_the_queue(make: Make, song: Path) -> None:
    """Neither with fresh cookies."""
    app = make(client_queue=3)
    answers = [upload(app.test_client(), song, environ_overrides=ELSEWHERE).status_code for _ in range(5)]
    assert answers == [202] * 3 + [429] * 2
    assert upload(app.test_client(), song, environ_overrides={"REMOTE_ADDR": "10.0.0.10"}).status_code == 202
    assert upload(app.test_client(), song).status_code == 202


def test_a_disk_without_room_takes_nothing(make: Make, song: Path, tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free // 1_000_000
    app = make(min_free_mb=free + 1_000_000)
    assert code_of(upload(app.test_client(), song)) == (507, "disk_full")
    assert not (app.extensions[NAME].analyses.incoming).exists()
    assert "disk_low" in app.test_client().get("/healthz").get_json()["problems"]


# --- health ------------------------------------------------------------------------------------------


def test_health_reports_problems(make: Make) -> None:
    app = make()
    browser, analyses = app.test_client(), app.extensions[NAME].analyses
    without_engine = browser.get("/healthz")
    assert (without_engine.status_code, without_engine.get_json()) == (
        200,
        {"status": "degraded", "problems": ["engine_away"]},
    )
    analyses.beat()
    assert browser.get("/healthz").get_json() == {"status": "ok", "problems": []}
    home = app.extensions[NAME].environment.home
    (home / DATABASE_NAME).rename(home / "elsewhere.db")
    gone = browser.get("/healthz")
    assert (gone.status_code, gone.get_json()) == (503, {"status": "down", "problems": ["database_gone"]})


def test_an_unreachable_database_is_answered_with_503(make: Make, postgresql: str) -> None:
    app = make(database_url=postgresql)
    browser, url = app.test_client(), make_url(postgresql)
    assert browser.get("/healthz").status_code == 200
    server = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {url.database} WITH (FORCE)"))
        assert browser.get("/healthz").get_json() == {"status": "down", "problems": ["database_unreachable"]}
        lost = browser.get("/api/v1/analyses/x")
        assert code_of(lost) == (503, "unavailable") and lost.headers["Retry-After"]
        connection.execute(text(f"CREATE DATABASE {url.database}"))
    server.dispose()


def test_metrics_are_what_prometheus_reads(browser: FlaskClient, song: Path) -> None:
    upload(browser, song).close()
    answer = browser.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    names = {"sori_requests", "sori_request_seconds", "sori_analyses", "sori_disk_free_bytes"}
    assert names | {"process_resident_memory_bytes", "process_start_time_seconds"} <= set(families)
    assert not any(name.endswith("_created") for name in families)
    assert "sori_engine_silent_seconds" not in families
    assert {"endpoint": "api.create", "method": "POST", "status": "202"} in [
        sample.labels for sample in families["sori_requests"].samples
    ]
    queued = [sample.value for sample in families["sori_analyses"].samples if sample.labels["state"] == "queued"]
    assert queued == [1.0]
    samples = families["sori_request_seconds"].samples
    total = [s for s in samples if s.labels.get("le") == "+Inf" and s.labels["endpoint"] == "api.create"]
    counted = [s for s in samples if s.name.endswith("_count") and s.labels["endpoint"] == "api.create"]
    assert total[0].value == counted[0].value == 1
    browser.application.extensions[NAME].analyses.beat()
    assert "\nsori_engine_silent_seconds 0." in browser.get("/metrics").text


def test_each_application_has_its_own_metrics(make: Make) -> None:
    first, second = make("first").test_client(), make("second").test_client()
    first.get("/healthz").close()
    assert 'endpoint="health.healthz"' in first.get("/metrics").text
    assert 'endpoint="health.healthz"' not in second.get("/metrics").text


def test_an_expired_analysis_is_not_found(make: Make, song: Path) -> None:
    app = make()
    browser = app.test_client()
    made = upload(browser, song).get_json()
    with app.extensions[NAME].catalogue.session() as session:
        row = session.get(Analysis, made["id"])
        row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
        session.commit()
    assert browser.get(made["url"]).status_code == 404
    assert browser.get(f"/api/v1/analyses/{made['id']}").status_code == 404
