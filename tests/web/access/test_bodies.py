"""What the head of a request decides, before any of its body is read."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from jobs.queue.limits import Rate
from web.access import rate_limits
from web.access.bodies import FIELD_BYTES
from web.context import NAME

Make = Callable[..., Flask]
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
HASH = generate_password_hash("a password", method="scrypt:1024:8:1")


class Unread(io.RawIOBase):
    """A body that fails the test when it is read."""

    was_read = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self.was_read = True
        return 0


def send_unread(
    browser: FlaskClient, method: str, path: str, *, kind: str = MULTIPART, headers: dict[str, str] | None = None
) -> tuple[int, bool]:
    """The status, and whether the body was read."""
    body = Unread()
    environ = {"wsgi.input": body, "CONTENT_LENGTH": "1000", "CONTENT_TYPE": kind}
    answer = browser.open(path, method=method, environ_overrides=environ, headers=headers)
    return answer.status_code, body.was_read


@pytest.mark.parametrize("kind", [FORM, MULTIPART])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/", 405),
        ("PATCH", "/", 405),
        ("DELETE", "/", 405),
        ("POST", "/healthz", 405),
        ("POST", "/static/style.css", 405),
        ("PUT", "/api/v1/analyses", 405),
        ("POST", "/nowhere", 404),
        ("POST", "/api/v1/nowhere", 404),
        ("POST", "/", 403),
        ("POST", "/language/ko", 403),
        ("POST", "/logout", 403),
        ("POST", "/library/rescan", 403),
        ("POST", "/a/x/delete", 403),
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
        ("DELETE", "/api/v1/analyses/x", 404),
    ],
)
def test_a_body_without_a_use_is_not_read(
    make: Make, method: str, path: str, status: int, kind: str, tmp_path: Path
) -> None:
    """A stranger without a cookie: no such address, not this method, or no token that could be right."""
    answer = send_unread(make().test_client(), method, path, kind=kind)
    assert answer == (status, False)
    assert not (tmp_path / "var" / "incoming").exists()


@pytest.mark.parametrize("path", ["/", "/api/v1/analyses"])
def test_a_body_for_another_host_name_is_not_read(browser: FlaskClient, path: str) -> None:
    assert send_unread(browser, "POST", path, headers={"Host": "evil.example"}) == (421, False)


@pytest.mark.parametrize("path", ["/", "/api/v1/analyses", "/nowhere", "/a/x/delete"])
def test_a_private_service_reads_no_body_of_a_stranger(make: Make, path: str) -> None:
    status, was_read = send_unread(make(private=True, password_hash=HASH).test_client(), "POST", path)
    assert status in (303, 401) and not was_read


@pytest.mark.parametrize("path", ["/", "/api/v1/analyses", "/language/ko"])
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_body_from_another_site_is_not_read(
    browser: FlaskClient, token: Callable[[], str], path: str, headers: dict[str, str]
) -> None:
    assert send_unread(browser, "POST", path, headers={"X-Token": token(), **headers}) == (403, False)
    assert send_unread(browser, "POST", path, headers=headers) == (403, False)  # the body could hold the token


def test_a_body_beyond_a_limit_is_not_read(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "UPLOADS", Rate("upload", burst=0, seconds=60.0))
    browser = make().test_client()
    browser.post("/api/v1/analyses", content_type=MULTIPART)  # the first of a limit always succeeds
    browser.get("/")  # from here on it has a token, which the body could hold
    for path in ("/", "/api/v1/analyses"):
        assert send_unread(browser, "POST", path) == (429, False), path


@pytest.mark.parametrize(("setting", "status"), [({"queue": 1}, 503), ({"min_free_mb": 10_000_000}, 507)])
def test_a_body_without_room_is_not_read(make: Make, song: Path, setting: dict[str, int], status: int) -> None:
    browser = make(**setting).test_client()
    browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")})
    browser.get("/")  # from here on it has a token, which the body could hold
    for path in ("/", "/api/v1/analyses"):
        assert send_unread(browser, "POST", path) == (status, False), path


@pytest.mark.parametrize(
    ("path", "size", "message"),
    [
        ("/", 102_000_000, "larger than 100 MB"),
        ("/api/v1/analyses", 102_000_000, "larger than 100 MB"),
        ("/language/ko", FIELD_BYTES + 1, "This form is too large"),
        ("/a/x/verdict", FIELD_BYTES + 1, "This form is too large"),
        ("/logout", 10**12, "This form is too large"),
    ],
)
def test_a_body_that_is_too_large_is_not_read(
    browser: FlaskClient, token: Callable[[], str], path: str, size: int, message: str
) -> None:
    headers = {"X-Token": token()}
    for language, shown in (("en", True), ("ko", False)):
        body = Unread()
        environ = {"wsgi.input": body, "CONTENT_LENGTH": str(size), "CONTENT_TYPE": MULTIPART}
        headers["Accept-Language"] = language
        answer = browser.post(path, environ_overrides=environ, headers=headers)
        assert (answer.status_code, body.was_read, message in answer.text) == (413, False, shown)


@pytest.mark.parametrize("path", ["/language/ko", "/library/rescan", "/a/x/delete"])
def test_a_form_without_songs_accepts_no_files(
    app: Flask, browser: FlaskClient, token: Callable[[], str], path: str
) -> None:
    data = {"file": (io.BytesIO(b"a file"), "a.wav"), "token": token()}
    refused = browser.post(path, data=data)
    assert refused.status_code == 415 and "This address accepts no files." in refused.text
    assert not app.extensions[NAME].analyses.incoming.exists()
    multipart = browser.post("/language/ko", data={"token": token()}, content_type="multipart/form-data")
    assert multipart.status_code == 303
