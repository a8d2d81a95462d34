"""The description of the API holds what it promises: every address is in it, and what it says can happen happens."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi import checks

from jobs.queue.limits import Rate
from library.catalogue.database import Catalogue
from library.search.current import CurrentLibrary
from tests.web.shelf import put
from web.access import rate_limits
from web.api import similar
from web.api.openapi import operations
from web.context import NAME

EXAMPLES = 12
CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


@pytest.fixture
def tracks(app: Flask, tmp_path: Path) -> list[int]:
    catalogue: Catalogue = app.extensions[NAME].catalogue
    return [put(catalogue, tmp_path / "music", f"Song {number}") for number in range(4)]


def test_every_address_of_the_api_is_described(app: Flask, browser: FlaskClient) -> None:
    described = browser.get("/api/openapi.json").get_json()["paths"]
    routes = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")}
    assert routes - {rule.rule for rule, _, _ in operations(app)} == {"/api/docs"}
    assert set(described) >= {
        "/api/v1/analyses",
        "/api/v1/analyses/{analysis_id}",
        "/api/v1/analyses/{analysis_id}/events",
        "/api/v1/tracks",
        "/api/v1/tracks/{track_id}",
        "/api/v1/tracks/{track_id}/neighbours",
        "/api/v1/genres",
    }


def test_the_page_for_people_tells_all_of_it(browser: FlaskClient) -> None:
    described = browser.get("/api/openapi.json").get_json()
    page = browser.get("/api/docs")
    assert all(path in page.text for path in described["paths"])
    assert all(f"shape-{name}" in page.text for name in described["components"]["schemas"])
    korean = browser.get("/api/docs", headers={"Accept-Language": "ko"}).text
    assert "노래 맡기기" in korean and "Hand a song in" not in korean
    assert browser.get("/api/docs", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304


def test_every_answer_that_is_described_can_occur(
    app: Flask,
    browser: FlaskClient,
    tracks: list[int],
    song: Path,
    hear: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    met: set[tuple[str, str, str]] = set()

    def call(method: str, path: str, address: str = "", **how: object) -> object:
        response = browser.open(address or path, method=method, **how)  # type: ignore[arg-type]
        response.get_data()
        met.add((path, method.lower(), str(response.status_code)))
        return response

    songs, one = "/api/v1/analyses", "/api/v1/analyses/{analysis_id}"
    made = browser.post(songs, data={"file": (io.BytesIO(song.read_bytes()), "a.wav")}).get_json()["id"]
    hear(made)
    call("POST", songs, data={"file": (io.BytesIO(song.read_bytes()), "a.wav")})
    call("POST", songs, data={"file": (io.BytesIO(b"no song"), "a.wav")})
    call("POST", songs, data={}, content_type="multipart/form-data")
    call("POST", songs, json={})
    call("POST", songs, f"{songs}?x=1", data={})
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 10)
    call("POST", songs, data={"file": (io.BytesIO(bytes(100)), "a.wav")})
    for tail, methods in (("", ("GET", "DELETE")), ("/events", ("GET",))):
        for method in methods:
            for key in ("nothing", f"{made}"):
                call(method, one + tail, f"{songs}/nothing{tail}?x=1")
                if method == "GET":
                    again = call(method, one + tail, f"{songs}/{key}{tail}")
                    tag = {"If-None-Match": getattr(again, "headers", {}).get("ETag", "")}
                    call(method, one + tail, f"{songs}/{key}{tail}", headers=tag)
    call("GET", one + "/events", f"{songs}/{made}/events")
    call("DELETE", one, f"{songs}/{made}")
    call("DELETE", one, f"{songs}/{made}")
    for path in ("/api/v1/tracks", "/api/v1/genres", "/api/openapi.json"):
        _thrice(call, path, path)
    for path in ("/api/v1/tracks/{track_id}", "/api/v1/tracks/{track_id}/neighbours"):
        _thrice(call, path, path.format(track_id=tracks[0]))
        call("GET", path, path.format(track_id=999))
    app.extensions[similar.NAME] = fresh = CurrentLibrary(app.extensions[NAME].catalogue)
    monkeypatch.setattr(fresh, "prepare", lambda: None)
    call(
        "GET",
        "/api/v1/tracks/{track_id}/neighbours",
        f"/api/v1/tracks/{tracks[0]}/neighbours",
    )
    _limits_met(app, call, browser, monkeypatch)
    described = {
        (path, method, status)
        for path, methods in browser.get("/api/openapi.json").get_json()["paths"].items()
        for method, told in methods.items()
        for status in told["responses"]
    }
    assert described - met == set()
    assert met - described == set()


def _limits_met(
    app: Flask, call: Callable[..., object], browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong key, another site, too often, no room: wherever these can happen."""
    service = app.extensions[NAME]
    for path, methods in browser.get("/api/openapi.json").get_json()["paths"].items():
        address = path.format(analysis_id="nothing", track_id=1)
        for method in methods:
            call(method.upper(), path, address, headers={"Authorization": "Bearer wrong"})
            if method != "get":
                call(method.upper(), path, address, headers={"Sec-Fetch-Site": "cross-site"})
            with monkeypatch.context() as patch:
                for rate in ("CALLS", "UPLOADS"):
                    patch.setattr(rate_limits, rate, Rate(f"none {rate}", burst=0, seconds=1000.0))
                form = {"content_type": "multipart/form-data"} if method == "post" else {}
                for _ in range(2):  # the first of all is taken in any case
                    app.extensions[rate_limits.__name__]._ahead.clear()
                    call(method.upper(), path, address, **form)
    for name, value in (("queue", 0), ("min_free_mb", 10**9)):
        tight = replace(service, environment=replace(service.environment, **{name: value}))
        monkeypatch.setitem(app.extensions, NAME, tight)
        call("POST", "/api/v1/analyses", content_type="multipart/form-data")


def _thrice(call: Callable[..., object], path: str, address: str) -> None:
    """Well, again, and with a parameter that there is not."""
    tag = getattr(call("GET", path, address), "headers", {})["ETag"]
    call("GET", path, address, headers={"If-None-Match": tag})
    call("GET", path, f"{address}?x=1")


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_the_contract_holds_whatever_is_sent(
    app: Flask, tracks: list[int], mode: schemathesis.GenerationMode
) -> None:
    """Requests that the description allows, and requests that it forbids, made up by Schemathesis."""
    app.extensions[similar.NAME].newest(timeout=60)
    contract = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    tried = 0
    for result in contract.get_all_operations():
        told = result.ok()
        assert told is not None
        if mode is schemathesis.GenerationMode.NEGATIVE and told.path in (
            "/api/openapi.json",
            "/api/v1/genres",
        ):
            continue  # there is nothing to get wrong

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=told.as_strategy(mode))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        holds()
        tried += 1
    assert tried >= 7
