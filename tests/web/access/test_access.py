"""Permissions: the password, API keys, a private service, host names, and forged requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, jsonify
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from werkzeug.security import generate_password_hash

from jobs.queue.analyses import Analyses
from web.access.credentials import fingerprint
from web.access.permissions import changes_library, is_from_this_machine, may_change_library, remote_address
from web.access.sign_ins import SignIn, SignIns
from web.context import NAME

PASSWORD = "correct horse"  # noqa: S105 - only for tests
HASH = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")  # weak, so that tests are fast
KEY = "sori_test"
Make = Callable[..., Flask]
FOREIGN_ADDRESSES = (
    *(
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "evil.example",
    ),
    *(
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        "/\t\\evil.example",
        " //evil.example",
    ),
    *("javascript:alert(1)", "", "/\nx", "/\n/x", "/\x00x", "/a\\b", "/" + "x" * 5000, "/\u2028x", "/\u202ex"),
)
"""Browsers drop tabs and line ends, and take a backslash for a slash."""


@pytest.fixture
def make(make: Make) -> Make:
    """The same with two views that change the library."""

    def make_app(**settings: Any) -> Flask:
        app = make(**settings)
        app.add_url_rule("/change", "change", changes_library(lambda: "changed"), methods=["GET", "POST"])
        app.add_url_rule("/api/change", "api_change", changes_library(lambda: jsonify("changed")), methods=["POST"])
        return app

    return make_app


def token_of(browser: FlaskClient, path: str = "/login") -> str:
    found = re.search(r'name="token" value="([^"]+)"', browser.get(path).text)
    assert found
    return found[1]


def sign_in(browser: FlaskClient, password: str = PASSWORD, **form: str) -> Any:
    return browser.post("/login", data={"token": token_of(browser), "password": password, **form})


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json()["error"]["code"]


# --- the password ------------------------------------------------------------------------------------


def test_the_password_opens_the_library(make: Make) -> None:
    browser = make(password_hash=HASH).test_client()
    refused = browser.get("/change")
    assert (refused.status_code, refused.headers["Location"]) == (303, "/login?next=/change")
    wrong = sign_in(browser, "wrong")
    assert wrong.status_code == 403 and "The password is wrong." in wrong.text
    right = sign_in(browser, next="/change")
    assert (right.status_code, right.headers["Location"]) == (303, "/change")
    assert browser.get("/change").text == "changed"
    assert browser.post("/logout", data={"token": token_of(browser, "/")}).status_code == 303
    assert browser.get("/change").status_code == 303


def test_a_new_password_signs_everybody_out(make: Make) -> None:
    old = make(password_hash=HASH).test_client()
    sign_in(old)
    cookie = old.get_cookie("sori")
    assert cookie is not None
    other = make(password_hash=generate_password_hash("another", method="scrypt:1024:8:1")).test_client()
    other.set_cookie("sori", cookie.value)
    assert other.get("/change").status_code == 303


@pytest.mark.parametrize("address", FOREIGN_ADDRESSES)
def test_signing_in_leads_to_no_other_site(make: Make, address: str) -> None:
    browser = make(password_hash=HASH).test_client()
    assert sign_in(browser, next=address).headers["Location"] == "/"


@pytest.mark.parametrize("address", FOREIGN_ADDRESSES)
def test_choosing_a_language_leads_to_no_other_site(make: Make, address: str) -> None:
    browser = make().test_client()
    data = {"token": token_of(browser, "/"), "next": address}
    assert browser.post("/language/ko", data=data).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("address", "encoded"),
    [("/library?q=love&page=2#top", None), ("/a/b%2Fc", None), ("/library?q=사랑", "/library?q=%EC%82%AC%EB%9E%91")],
)
def test_an_address_of_this_site_is_kept(make: Make, address: str, encoded: str | None) -> None:
    browser = make(password_hash=HASH).test_client()
    assert sign_in(browser, next=address).headers["Location"] == (encoded or address)


def test_signing_out_ends_a_copied_cookie_too(make: Make) -> None:
    app = make(password_hash=HASH)
    browser, copy, other = app.test_client(), app.test_client(), app.test_client()
    sign_in(browser)
    sign_in(other)
    cookie = browser.get_cookie("sori")
    assert cookie is not None
    copy.set_cookie("sori", cookie.value)
    assert copy.get("/change").text == "changed"
    assert browser.post("/logout", data={"token": token_of(browser, "/")}).status_code == 303
    assert copy.get("/change").status_code == 303
    assert other.get("/change").text == "changed"


def test_an_unreachable_database_is_no_bug_for_a_signed_in_browser(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of the error would ask again who is signed in."""
    browser = make(password_hash=HASH).test_client()
    sign_in(browser)

    def fail(*_: object) -> bool:
        raise OperationalError("SELECT", {}, Exception("the database is away"))

    monkeypatch.setattr(SignIns, "is_valid", fail)
    assert browser.get("/change").status_code == 503
    monkeypatch.setattr(Analyses, "recent", fail)
    assert browser.get("/").status_code == 503


def test_a_sign_in_ends_by_itself(make: Make) -> None:
    app = make(password_hash=HASH)
    browser = app.test_client()
    sign_in(browser)
    with app.extensions[NAME].catalogue.transaction() as session:
        session.execute(update(SignIn).values(ends_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert browser.get("/change").status_code == 303
    sign_in(app.test_client())
    with app.extensions[NAME].catalogue.session() as session:
        assert session.scalar(select(func.count()).select_from(SignIn)) == 1


def test_signing_in_keeps_the_songs_and_renews_the_token(make: Make) -> None:
    browser = make(password_hash=HASH).test_client()
    before = token_of(browser)
    with browser.session_transaction() as session:
        session["client"] = "me"
    sign_in(browser)
    with browser.session_transaction() as session:
        assert session["client"] == "me"
    assert token_of(browser) != before


def test_without_a_password_there_is_no_login_page(make: Make) -> None:
    assert make().test_client().get("/login").status_code == 404


# --- without a password ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "headers", "may"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("192.168.0.7", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("127.0.0.1", {"Via": "1.1 proxy"}, False),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, False),
        (None, {}, False),
    ],
)
def test_only_this_machine_changes_the_library(make: Make, address: str, headers: dict[str, str], may: bool) -> None:
    with make().test_request_context("/", headers=headers, environ_overrides={"REMOTE_ADDR": address}):
        assert is_from_this_machine() is may is may_change_library()


def test_an_http_1_0_client_is_not_this_machine(make: Make) -> None:
    for protocol, is_local in (("HTTP/1.0", False), ("HTTP/1.1", True)):
        environ = {"SERVER_PROTOCOL": protocol, "REMOTE_ADDR": "127.0.0.1"}
        with make().test_request_context("/", environ_overrides=environ):
            assert is_from_this_machine() is is_local


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
    ],
)
def test_forwarded_addresses_count_for_the_configured_proxies(
    make: Make, proxies: int, forwarded: str, address: str
) -> None:
    app = make(proxies=proxies)
    app.add_url_rule("/address", "address", lambda: str(remote_address()))
    assert app.test_client().get("/address", headers={"X-Forwarded-For": forwarded}).text == address


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "::1"}])
def test_behind_a_proxy_nobody_is_at_this_machine(make: Make, headers: dict[str, str]) -> None:
    """Whoever reaches the port directly can forward any address."""
    refused = make(proxies=1).test_client().get("/change", headers=headers)
    assert refused.status_code == 403 and "Behind a proxy" in refused.text
    signed_in = make(proxies=1, password_hash=HASH).test_client()
    sign_in(signed_in)
    assert signed_in.get("/change", headers=headers).text == "changed"


def test_a_client_elsewhere_gets_the_reason(make: Make) -> None:
    browser = make().test_client()
    refused = browser.get("/change", environ_overrides={"REMOTE_ADDR": "10.0.0.2"})
    assert refused.status_code == 403 and "Until a password is set" in refused.text


# --- programs ----------------------------------------------------------------------------------------


def test_an_api_key_permits_what_the_password_permits(make: Make) -> None:
    browser = make(api_keys={fingerprint(KEY): "script"}, password_hash=HASH).test_client()
    refused = browser.post("/api/change")
    assert code_of(refused) == (401, "sign_in")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert code_of(browser.post("/api/change", headers={"Authorization": "Bearer sori_wrong"})) == (401, "sign_in")
    assert browser.post("/api/change", headers={"Authorization": f"bearer {KEY}"}).get_json() == "changed"


def test_a_signed_in_cookie_alone_changes_nothing_over_the_api(make: Make) -> None:
    browser = make(password_hash=HASH).test_client()
    sign_in(browser)
    assert code_of(browser.post("/api/change")) == (403, "forbidden")
    token = token_of(browser)
    assert browser.post("/api/change", headers={"X-Token": token}).get_json() == "changed"
    assert browser.post("/api/change", headers={"Sec-Fetch-Site": "same-origin"}).get_json() == "changed"


# --- a private service -------------------------------------------------------------------------------


def test_a_private_service_shows_nothing(make: Make) -> None:
    app = make(private=True, password_hash=HASH, api_keys={fingerprint(KEY): "script"})
    browser = app.test_client()
    for path in ("/", "/a/x", "/library", "/metrics", "/nowhere"):
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/login"), path
    assert code_of(browser.get("/api/v1/analyses/x")) == (401, "sign_in")
    assert code_of(browser.post("/api/v1/analyses")) == (401, "sign_in")
    for path in ("/healthz", "/login", "/static/style.css"):
        with browser.get(path) as answer:
            assert answer.status_code == 200, path
    assert browser.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    sign_in(browser)
    assert browser.get("/").status_code == 200


def test_nothing_is_open_by_oversight(make: Make) -> None:
    """Every view of a private service but the ones that are named turns strangers away."""
    app = make(private=True, password_hash=HASH)
    open_ = {"static", "health.healthz", "login.show", "login.sign_in", "login.sign_out", "choose"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint in open_:
            continue
        filled = re.sub(r"<[^>]*any\((\w+)[^>]*>", r"\1", rule.rule)
        path = re.sub(r"<[^>]+>", "1", filled)
        method = "GET" if "GET" in (rule.methods or ()) else min((rule.methods or set()) - {"OPTIONS"})
        answer = app.test_client().open(path, method=method)
        assert answer.status_code in (303, 401), f"{method} {path}: {answer.status_code}"


# --- names and forgeries -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("192.168.1.20", 200),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("music.example", 421),
    ],
)
def test_a_name_of_somebody_elses_is_refused(make: Make, host: str, status: int) -> None:
    browser = make().test_client()
    assert browser.get("/", headers={"Host": host}).status_code == status
    if status == 421:
        assert "SORI_HOSTS" in browser.get("/", headers={"Host": host}).text


def test_host_names_can_be_allowed(make: Make) -> None:
    browser = make(hosts=("music.example",)).test_client()
    assert browser.get("/", headers={"Host": "Music.example:443"}).status_code == 200
    assert browser.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert make(hosts=("*",)).test_client().get("/", headers={"Host": "evil.example"}).status_code == 200


def test_a_forwarded_name_counts_only_from_a_trusted_proxy(make: Make) -> None:
    headers = {"X-Forwarded-Host": "music.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.1"}
    trusting = make(proxies=1, hosts=("music.example",)).test_client().get("/", headers=headers)
    assert "Secure" in trusting.headers["Set-Cookie"]
    assert trusting.headers["Strict-Transport-Security"].startswith("max-age=")
    direct = make().test_client().get("/", headers=headers)
    assert direct.status_code == 200 and "Secure" not in direct.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in direct.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
    ],
)
def test_another_site_changes_nothing(make: Make, headers: dict[str, str]) -> None:
    browser = make().test_client()
    token = token_of(browser, "/")
    for path in ("/change", "/api/change", "/language/ko"):
        assert browser.post(path, data={"token": token}, headers=headers).status_code == 403, path


def test_a_form_needs_its_token(make: Make) -> None:
    browser = make().test_client()
    assert browser.post("/change").status_code == 403
    assert browser.post("/change", data={"token": "guess"}).status_code == 403
    assert browser.post("/change", data={"token": token_of(browser, "/")}).text == "changed"


def test_cookies_are_kept_from_scripts_and_other_sites(make: Make) -> None:
    cookie = make().test_client().get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


def test_only_the_owner_can_read_the_secret(make: Make, tmp_path: Path) -> None:
    first, second = make(), make()
    assert first.secret_key == second.secret_key
    assert (tmp_path / "var/secret").stat().st_mode & 0o777 == 0o600
    assert make(secret_key="s" * 32).secret_key == "s" * 32
