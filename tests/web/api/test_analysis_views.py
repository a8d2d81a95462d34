"""The API of analyses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.queue.analyses import Analyses
from ml.report.errors import EmptyError
from tests.fakes import a_report
from web.access.credentials import fingerprint


def upload(browser: FlaskClient, song: Path) -> str:
    response = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")})
    return str(response.get_json()["id"])


def test_a_finished_analysis_has_a_report(browser: FlaskClient, song: Path, hear: Callable[..., str]) -> None:
    one = upload(browser, song)
    waiting = browser.get(f"/api/v1/analyses/{one}").get_json()
    assert (waiting["state"], waiting["report"], waiting["error"]) == ("queued", None, None)
    hear(one)
    done = browser.get(f"/api/v1/analyses/{one}").get_json()
    assert (done["state"], done["progress"]) == ("done", 1.0)
    assert done["report"]["genre"] == json.loads(json.dumps(a_report().to_dict()))["genre"]


def test_an_error_is_in_the_language_of_the_request(browser: FlaskClient, analyses: Analyses, song: Path) -> None:
    one = upload(browser, song)
    analyses.claim("test")
    analyses.fail(one, "test", EmptyError())
    address = f"/api/v1/analyses/{one}"
    english = browser.get(address).get_json()["error"]
    korean = browser.get(address, headers={"Accept-Language": "ko"}).get_json()["error"]
    assert english["code"] == korean["code"] == "empty"
    assert english["message"] == EmptyError.sentence and "요" in korean["message"]


def test_a_deleted_analysis_is_not_found(browser: FlaskClient, analyses: Analyses, song: Path) -> None:
    one = upload(browser, song)
    assert browser.delete(f"/api/v1/analyses/{one}").status_code == 204
    assert not analyses.files.folder(one).exists()
    gone = browser.get(f"/api/v1/analyses/{one}")
    assert (gone.status_code, gone.get_json()["error"]["code"]) == (404, "not_found")
    assert browser.delete(f"/api/v1/analyses/{one}").status_code == 404


ELSEWHERE = {"REMOTE_ADDR": "10.0.0.9"}


def test_only_the_uploader_deletes_an_analysis(app: Flask, analyses: Analyses, song: Path) -> None:
    """Others who have the link may only read it."""
    uploader, friend = app.test_client(), app.test_client()
    data = {"file": (io.BytesIO(song.read_bytes()), "a.wav")}
    uploaded = uploader.post("/api/v1/analyses", data=data, environ_overrides=ELSEWHERE)
    one, address = uploaded.get_json()["id"], f"/api/v1/analyses/{uploaded.get_json()['id']}"
    assert "sori=" in uploaded.headers["Set-Cookie"]
    refused = friend.delete(address, environ_overrides=ELSEWHERE)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "not_yours")
    assert friend.get(address, environ_overrides=ELSEWHERE).status_code == 200 and analyses.get(one) is not None
    assert uploader.delete(address, environ_overrides={"REMOTE_ADDR": "10.0.0.10"}).status_code == 204


def test_whoever_may_change_the_library_deletes_any_analysis(make: Callable[..., Flask], song: Path) -> None:
    app = make(password_hash="scrypt:2:1:1$x$0", api_keys={fingerprint("sori_key"): "script"})  # noqa: S106
    uploader, program = app.test_client(), app.test_client()
    key = {"Authorization": "Bearer sori_key"}
    address = f"/api/v1/analyses/{upload(uploader, song)}"
    assert program.delete(address).status_code == 403  # at this machine, but there is a password
    assert program.delete(address, headers=key).status_code == 204
    without_password = make("other")
    one = upload(without_password.test_client(), song)
    assert without_password.test_client().delete(f"/api/v1/analyses/{one}").status_code == 204


@pytest.mark.parametrize("address", ["..", ".", "%2e%2e", "..%00", "%00"])
def test_an_address_that_climbs_deletes_nothing(browser: FlaskClient, analyses: Analyses, address: str) -> None:
    """The most that a defect could delete here is the test's own folder."""
    analyses.root.mkdir(parents=True)
    assert browser.delete(f"/api/v1/analyses/{address}").status_code in (404, 405)
    assert browser.get(f"/a/{address}").status_code == 404
    assert analyses.root.is_dir()


def test_events_end_with_the_analysis(browser: FlaskClient, song: Path, hear: Callable[..., str]) -> None:
    one = upload(browser, song)
    hear(one)
    response = browser.get(f"/api/v1/analyses/{one}/events")
    assert response.mimetype == "text/event-stream"
    sent = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    assert [(event["state"], event["report"]) for event in sent] == [("done", None)]


def test_another_site_changes_nothing(browser: FlaskClient, analyses: Analyses, song: Path) -> None:
    one = upload(browser, song)
    refused = browser.delete(f"/api/v1/analyses/{one}", headers={"Sec-Fetch-Site": "cross-site"})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "forbidden")
    assert analyses.get(one) is not None
