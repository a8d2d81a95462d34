"""The description of the API is complete and true: every address is in it, and every answer that it lists occurs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import jsonschema_rs
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
from ml.report.schema import Finding, Neighbour, Neighbours, Report, Score, Why
from tests.fakes import a_report
from tests.web.shelf import put
from web.access import rate_limits
from web.api.openapi import operations
from web.api.schemas import SCHEMAS, AnalysisAnswer, TrackAnswer
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


def test_the_page_for_people_is_complete(browser: FlaskClient) -> None:
    described = browser.get("/api/openapi.json").get_json()
    page = browser.get("/api/docs")
    assert all(path in page.text for path in described["paths"])
    assert all(f"shape-{name}" in page.text for name in described["components"]["schemas"])
    korean = browser.get("/api/docs", headers={"Accept-Language": "ko"}).text
    assert "노래 올리기" in korean and "Upload a song" not in korean
    assert browser.get("/api/docs", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Report", Report), ("Neighbour", Neighbour), ("Track", TrackAnswer), ("Analysis", AnalysisAnswer)],
)
def test_a_schema_has_every_field_of_its_dataclass(name: str, kind: type) -> None:
    """The schema of a report once lacked `arousal` and `motion`."""
    extra = {"Report": {"schema"}, "Analysis": {"report"}}.get(name, set())
    assert set(SCHEMAS[name]["properties"]) == {field.name for field in fields(kind)} | extra


def test_a_report_matches_its_schema() -> None:
    why = Why(key_relation=None, transposition=-2, chroma_overlap=0.5, tempo_ratio=1.0, common_tags=("a",))
    near = (Neighbour("1", "A", None, "jazz", 0.1, None, why), Neighbour("2", "B", "C", None, 0.2))
    report = replace(
        a_report(),
        neighbours=Neighbours(near, near),
        findings=(Finding("a", "b", "c", (Score("d", 0.5),)),),
        arousal=(0.1, 0.9),
        motion=(0.2, 3.0),
        timings={"decode": 0.1},
    )
    components = {"components": {"schemas": SCHEMAS}}
    validator = jsonschema_rs.Draft202012Validator({"$ref": "#/components/schemas/Report", **components})
    valid = json.loads(json.dumps(report.to_dict()))
    validator.validate(valid)
    missing = {name: value for name, value in valid.items() if name != "motion"}
    for invalid in (missing, {**valid, "schema": 2}, {**valid, "arousal": [1.5]}, {**valid, "tempo": 120}):
        assert not validator.is_valid(invalid)


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
    call("POST", songs, environ_overrides={"CONTENT_LENGTH": "200000000"})
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
        _call_three_times(call, path, path)
    for path in ("/api/v1/tracks/{track_id}", "/api/v1/tracks/{track_id}/neighbours"):
        _call_three_times(call, path, path.format(track_id=tracks[0]))
        call("GET", path, path.format(track_id=999))
    fresh = CurrentLibrary(app.extensions[NAME].catalogue)
    app.extensions[NAME] = replace(app.extensions[NAME], library=fresh)
    monkeypatch.setattr(fresh, "refresh", lambda: None)
    call("GET", "/api/v1/tracks/{track_id}/neighbours", f"/api/v1/tracks/{tracks[0]}/neighbours")
    _call_beyond_limits(app, call, browser, monkeypatch)
    described = {
        (path, method, status)
        for path, methods in browser.get("/api/openapi.json").get_json()["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
    }
    assert described - met == set()
    assert met - described == set()


def _call_beyond_limits(
    app: Flask, call: Callable[..., object], browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown key, another site, too many requests, no room: wherever these can happen."""
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
                for _ in range(2):  # a limit's first request always succeeds
                    app.extensions[rate_limits.__name__]._prepaid.clear()
                    call(method.upper(), path, address, **form)
    for name, value in (("queue", 0), ("min_free_mb", 10**9)):
        tight = replace(service, environment=replace(service.environment, **{name: value}))
        monkeypatch.setitem(app.extensions, NAME, tight)
        call("POST", "/api/v1/analyses", content_type="multipart/form-data")


def _call_three_times(call: Callable[..., object], path: str, address: str) -> None:
    """A valid request, the same one with its ETag, and one with an unknown parameter."""
    tag = getattr(call("GET", path, address), "headers", {})["ETag"]
    call("GET", path, address, headers={"If-None-Match": tag})
    call("GET", path, f"{address}?x=1")


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_the_contract_holds_whatever_is_sent(app: Flask, tracks: list[int], mode: schemathesis.GenerationMode) -> None:
    """Schemathesis generates requests that the description allows, and requests that it forbids."""
    app.extensions[NAME].library.newest(timeout=60)
    contract = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    tried = 0
    for result in contract.get_all_operations():
        operation = result.ok()
        assert operation is not None
        if mode is schemathesis.GenerationMode.NEGATIVE and operation.path in ("/api/openapi.json", "/api/v1/genres"):
            continue  # these have no parameters

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        holds()
        tried += 1
    assert tried >= 7
