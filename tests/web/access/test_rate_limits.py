"""Limits by client: what counts as one, what is counted, and who is never locked out by strangers."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.security import generate_password_hash

from jobs.queue.limits import Rate
from tests.fakes import write_wav
from web.access import rate_limits
from web.access.credentials import fingerprint
from web.context import NAME

Make = Callable[..., Flask]
PASSWORD = "correct horse"  # noqa: S105 - only for tests
HASH = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")
KEY = "sori_test"
GUESSES = rate_limits.ALL_LOGINS.burst


def at(address: str) -> dict[str, str]:
    return {"REMOTE_ADDR": address}


def token_of(browser: FlaskClient, path: str = "/login", **how: Any) -> str:
    found = re.search(r'name="token" value="([^"]+)"', browser.get(path, **how).text)
    assert found
    return found[1]


def sign_in(browser: FlaskClient, password: str = PASSWORD, **how: Any) -> int:
    data = {"token": token_of(browser, **how), "password": password}
    return browser.post("/login", data=data, **how).status_code


def upload(browser: FlaskClient, song: Path, **how: Any) -> int:
    data = {"file": (io.BytesIO(song.read_bytes()), "a.wav")}
    return browser.post("/api/v1/analyses", data=data, **how).status_code


def guess_from_many_addresses(app: Flask) -> set[int]:
    """Wrong passwords, ten from each of more addresses than the limit over all of them allows."""
    stranger, answers = app.test_client(), set()
    token = token_of(stranger)
    for number in range(GUESSES // 10 + 1):
        for _ in range(10):
            data = {"token": token, "password": "wrong"}
            answers.add(stranger.post("/login", data=data, environ_overrides=at(f"203.0.113.{number}")).status_code)
    return answers


# --- signing in --------------------------------------------------------------------------------------


def test_guessing_is_slow(make: Make) -> None:
    app = make(password_hash=HASH)
    browser = app.test_client()
    token = token_of(browser)
    answers = [browser.post("/login", data={"token": token, "password": str(n)}).status_code for n in range(12)]
    assert answers == [403] * 10 + [429] * 2
    assert int(browser.post("/login", data={"token": token}).headers["Retry-After"]) in range(20, 31)
    # Neither another browser nor another process at the same address helps, even with the right password.
    assert sign_in(make(password_hash=HASH).test_client()) == 429


def test_guessing_from_many_addresses_is_slow(make: Make) -> None:
    """Each address stays below its own limit."""
    app = make(password_hash=HASH)
    assert guess_from_many_addresses(app) == {403, 429}
    for address in ("198.51.100.1", "2001:db8::1"):
        assert sign_in(app.test_client(), environ_overrides=at(address)) == 429


def test_strangers_lock_nobody_out_who_has_signed_in(make: Make, song: Path) -> None:
    app = make(password_hash=HASH, private=True, api_keys={fingerprint(KEY): "script"})
    known, signed_in = app.test_client(), app.test_client()
    for browser in (known, signed_in):
        assert sign_in(browser, environ_overrides=at("198.51.100.1")) == 303
    token = token_of(known, "/", environ_overrides=at("198.51.100.1"))
    assert known.post("/logout", data={"token": token}).status_code == 303
    assert known.get("/").status_code == 303
    guess_from_many_addresses(app)
    assert sign_in(app.test_client()) == 303, "a browser on this machine"
    assert sign_in(known, environ_overrides=at("203.0.113.1")) == 303, "also at an address that is used up"
    assert upload(signed_in, song, headers={"Sec-Fetch-Site": "same-origin"}) == 202
    assert upload(app.test_client(), song, headers={"Authorization": f"Bearer {KEY}"}) == 202


def test_a_known_browser_guesses_slowly_too(make: Make) -> None:
    browser = make(password_hash=HASH).test_client()
    assert sign_in(browser) == 303
    answers = [sign_in(browser, "wrong", environ_overrides=at(f"203.0.113.{n}")) for n in range(12)]
    assert answers[:9] == [403] * 9 and answers[-1] == 429


@pytest.mark.parametrize("cookie", ["x", "ImEi.forged", ""])
def test_nobody_can_make_a_browser_known(make: Make, cookie: str) -> None:
    app = make(password_hash=HASH)
    guess_from_many_addresses(app)
    browser = app.test_client()
    browser.set_cookie("known", cookie)
    assert sign_in(browser, environ_overrides=at("198.51.100.1")) == 429


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_another_site_uses_up_no_limit(make: Make, song: Path, headers: dict[str, str]) -> None:
    browser = make(password_hash=HASH).test_client()
    for _ in range(110):
        assert browser.post("/login", data={"password": "x"}, headers=headers).status_code == 403
        assert browser.post("/api/v1/analyses", headers=headers).status_code == 403
    assert sign_in(browser) == 303
    assert upload(browser, song, headers={"X-Token": token_of(browser, "/")}) == 202


def test_pictures_in_another_site_use_up_another_limit(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "CALLS", Rate("call", burst=20, seconds=60.0))
    browser = make().test_client()
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    answers = [browser.get("/api/v1/tracks", headers=foreign).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]
    assert browser.get("/api/v1/tracks").status_code == 200


# --- uploads -----------------------------------------------------------------------------------------


@pytest.fixture
def few_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "UPLOADS", Rate("upload", burst=5, seconds=60.0))


@pytest.mark.usefixtures("few_uploads")
def test_each_song_of_a_form_counts(make: Make, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "short.wav", seconds=0.1).read_bytes()
    browser = make().test_client()
    token = token_of(browser, "/")

    def send(count: int) -> int:
        files = [("file", (io.BytesIO(song), f"{number}.wav")) for number in range(count)]
        return browser.post("/", data=MultiDict([("token", token), *files])).status_code

    assert [send(3), send(2), send(1)] == [303, 303, 429]
    assert make("other").test_client().get("/").status_code == 200


@pytest.mark.usefixtures("few_uploads")
def test_a_form_beyond_the_limit_leaves_nothing(make: Make, song: Path) -> None:
    app = make()
    browser = app.test_client()
    files = [("file", (io.BytesIO(song.read_bytes()), f"{number}.wav")) for number in range(6)]
    answer = browser.post("/", data=MultiDict([("token", token_of(browser, "/")), *files]))
    answer.request.environ["wsgi.input"].close()  # the test client's own temporary file
    assert answer.status_code == 429
    assert list(app.extensions[NAME].analyses.incoming.iterdir()) == []


@pytest.mark.usefixtures("few_uploads")
def test_examples_count_as_uploads(make: Make) -> None:
    app = make()
    home = app.extensions[NAME].environment.home
    (home / "examples").mkdir()
    write_wav(home / "examples" / "waltz.flac", seconds=2)
    answers = []
    for _ in range(7):
        browser = app.test_client()
        data = {"token": token_of(browser, "/"), "example": "waltz"}
        answers.append(browser.post("/", data=data).status_code)
    assert answers == [303] * 5 + [429] * 2


def test_an_example_is_analysed_once_for_a_browser(make: Make) -> None:
    app = make()
    home, browser = app.extensions[NAME].environment.home, app.test_client()
    (home / "examples").mkdir()
    write_wav(home / "examples" / "waltz.flac", seconds=2)
    data = {"token": token_of(browser, "/"), "example": "waltz"}
    addresses = {browser.post("/", data=data).headers["Location"] for _ in range(5)}
    assert len(addresses) == 1 and len(list(app.extensions[NAME].analyses.root.iterdir())) == 1
    assert list(app.extensions[NAME].analyses.incoming.iterdir()) == []


def test_bytes_are_limited(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """By address, in whole megabytes; announced bytes count before they are read."""
    monkeypatch.setattr(rate_limits, "MEGABYTES", Rate("megabyte", burst=3, seconds=60.0))
    app = make(max_upload_mb=1)

    def send(size: int, **how: Any) -> int:
        data = {"file": (io.BytesIO(bytes(size)), "a.wav")}
        answer = app.test_client().post("/api/v1/analyses", data=data, environ_overrides=how)
        answer.request.environ["wsgi.input"].close()
        return answer.status_code

    assert [send(900_000) for _ in range(4)] == [422] * 3 + [429]
    assert send(900_000, REMOTE_ADDR="10.0.0.9") == 422


def test_chunked_bytes_are_limited_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MEGABYTES", Rate("megabyte", burst=0, seconds=60.0))
    app = make(max_upload_mb=5)
    song = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(4_900_000)

    def send() -> int:
        environ = {
            "wsgi.input": io.BytesIO(song + b"\r\n--x--\r\n"),
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
            "CONTENT_TYPE": "multipart/form-data; boundary=x",
        }
        return app.test_client().post("/api/v1/analyses", environ_overrides=environ).status_code

    assert [send(), send()] == [422, 429]  # 8 MB of 10 MB are counted at once


def test_the_largest_file_is_possible(make: Make) -> None:
    """However low the limit of bytes is compared with the largest file."""
    app = make(max_upload_mb=4096, min_free_mb=0)
    with app.test_request_context("/"):
        app.preprocess_request()
        rate_limits.take_bytes(4096 * 1_000_000)


def test_a_signed_in_browser_and_a_key_have_limits_of_their_own(make: Make) -> None:
    app = make(password_hash=HASH, api_keys={fingerprint(KEY): "script"})
    app.add_url_rule("/key", "key", rate_limits.client_key)
    browser, keys = app.test_client(), set()
    sign_in(browser)
    for how in ({}, {"environ_overrides": at("203.0.113.9")}, {"headers": {"Authorization": f"Bearer {KEY}"}}):
        keys |= {app.test_client().get("/key", **how).text, browser.get("/key", **how).text}
    assert len(keys) == 4  # this machine, the address, the key, the sign-in
    assert not any("203.0.113" in one for one in keys)


def test_a_network_is_one_client(make: Make) -> None:
    app = make()

    def key_at(address: str) -> str:
        with app.test_request_context("/", environ_overrides=at(address)):
            return rate_limits.client_key()

    assert key_at("2001:db8:0:1::1") == key_at("2001:db8:0:1:ffff::2") != key_at("2001:db8:0:2::1")
    assert key_at("203.0.113.1") == key_at("::ffff:203.0.113.1") != key_at("203.0.113.2")


# --- a database that is locked -----------------------------------------------------------------------


@pytest.fixture
def locked(make: Make, tmp_path: Path) -> Iterator[Flask]:
    app = make()
    app.test_client().get("/")
    with closing(sqlite3.connect(tmp_path / "var" / "library.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield app


def test_reading_does_not_wait_for_a_locked_database(locked: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of calls is counted in the process meanwhile, and the database is tried only now and then."""
    monkeypatch.setattr(rate_limits, "DATABASE_RETRY_SECONDS", 600.0)
    tried = []
    limits = locked.extensions[rate_limits.__name__].limits
    take = limits.take
    monkeypatch.setattr(limits, "take", lambda *how: tried.append(how) or take(*how))
    browser = locked.test_client()
    answers = {browser.get("/api/v1/tracks").status_code for _ in range(10 * rate_limits.CALLS_PER_WRITE)}
    assert answers == {200} and browser.get("/").status_code == 200
    assert len(tried) == 1


def test_limits_hold_while_the_database_is_locked(locked: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "CALLS", Rate("call", burst=40, seconds=60.0))
    browser = locked.test_client()
    answers = [browser.get("/api/v1/analyses/x").status_code for _ in range(41)]
    assert answers == [404] * 40 + [429]


def test_an_upload_is_refused_soon_while_the_database_is_locked(locked: Flask, song: Path) -> None:
    with locked.extensions[NAME].catalogue.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() < 5000
    assert upload(locked.test_client(), song) == 503
    assert list(locked.extensions[NAME].analyses.incoming.iterdir()) == []
