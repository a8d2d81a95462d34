"""Requests for the audio and the images of an analysis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobs.queue.analyses import Analyses


def test_audio_can_be_requested_in_ranges(browser: FlaskClient, heard: Callable[..., str], song: Path) -> None:
    address = f"/a/{heard()}/audio"
    with browser.get(address) as whole:
        assert whole.status_code == 200 and whole.data == song.read_bytes()
        assert whole.mimetype == "audio/wav"
        assert whole.headers["Accept-Ranges"] == "bytes"
        assert whole.headers["X-Content-Type-Options"] == "nosniff"
        assert whole.headers["Content-Disposition"].startswith("inline")
        assert "%EB%85%B8%EB%9E%98.wav" in whole.headers["Content-Disposition"]
        assert "private" in whole.headers["Cache-Control"] and "public" not in whole.headers["Cache-Control"]
    with browser.get(address, headers={"Range": "bytes=10-19"}) as part:
        assert (part.status_code, part.data) == (206, song.read_bytes()[10:20])
        assert part.headers["Content-Range"] == f"bytes 10-19/{song.stat().st_size}"
    with browser.get(address, headers={"Range": "bytes=99999999-"}) as beyond:
        assert beyond.status_code == 416
    with browser.get(address, headers={"If-None-Match": whole.headers["ETag"]}) as again:
        assert (again.status_code, again.data) == (304, b"")


def test_audio_type_comes_from_the_bytes_not_the_name(
    browser: FlaskClient, heard: Callable[..., str], analyses: Analyses
) -> None:
    analysis_id = heard(name="evil.html")
    with browser.get(f"/a/{analysis_id}/audio") as response:
        assert response.mimetype == "audio/wav"


@pytest.mark.parametrize("picture", ["spectrogram", "chromagram"])
def test_images_are_sent_where_they_exist(
    browser: FlaskClient, heard: Callable[..., str], analyses: Analyses, picture: str
) -> None:
    analysis_id = heard()
    assert browser.get(f"/a/{analysis_id}/{picture}.png").status_code == 404
    (analyses.files.folder(analysis_id) / f"{picture}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with browser.get(f"/a/{analysis_id}/{picture}.png") as response:
        assert response.mimetype == "image/png" and "private" in response.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["song", "secret.png", "../x.png", "..%2f..%2fsecret", "peaks.json"])
def test_other_files_of_an_analysis_are_not_found(browser: FlaskClient, heard: Callable[..., str], path: str) -> None:
    assert browser.get(f"/a/{heard()}/{path}").status_code == 404


def test_files_of_an_unknown_analysis_are_not_found(browser: FlaskClient) -> None:
    for path in ("audio", "spectrogram.png", "report.json", "chart.svg"):
        assert browser.get(f"/a/nothing/{path}").status_code == 404
