"""Identifies the client of a request and decides what it may do.

Each browser has a signed cookie with a random name. A client that has signed in, or sends an API key, may change the
library. Without a password only a browser on this machine may, as its user could change the files as well.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from flask import Flask, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from werkzeug.wrappers import Response

from web.access.credentials import fingerprint
from web.access.errors import NoPasswordError, NotThisMachineError, SignInError, wants_json
from web.access.sign_ins import SignIns
from web.context import service

SECRET_FILE = "secret"  # noqa: S105 - the name of a file, not its content
SIGNED_IN = "signed_in"
OPEN_ENDPOINTS = {"static", "health.healthz", "login.show", "login.sign_in", "choose", "login.sign_out"}
"""What a private service shows without signing in."""
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_PROXY_HEADERS = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")

P = ParamSpec("P")
R = TypeVar("R")


class Cookies(SecureCookieSessionInterface):
    """Session cookies that are marked `Secure` where the connection is encrypted."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def install(app: Flask) -> None:
    environment = service().environment
    app.secret_key = environment.secret_key or read_secret(environment.home)
    app.session_interface = Cookies()
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_NAME="sori")
    app.before_request(_require_sign_in)
    app.context_processor(_names)


def _names() -> dict[str, object]:
    return {
        "may_change_library": may_change_library,
        "is_signed_in": is_signed_in,
        "has_password": service().environment.password_hash is not None,
    }


def read_secret(home: Path) -> bytes:
    """The key that signs cookies, created once for this home."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / SECRET_FILE
    # Written under another name and then linked, so that no process reads an incomplete key.
    draft = home / f".{SECRET_FILE}-{secrets.token_hex(8)}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()


# --- the client --------------------------------------------------------------------------------------


def client() -> str:
    """The random name of this browser, which holds nothing about the person."""
    if "client" not in session:
        session["client"] = secrets.token_urlsafe(12)
        session.permanent = True
    return cast(str, session["client"])


def is_signed_in() -> bool:
    return sign_in_id() is not None


def sign_in_id() -> str | None:
    """The sign-in of this browser with the current password; None where it is not signed in."""
    if "sign_in_id" not in g:
        g.sign_in_id = None  # the page of an error asks again, and must not raise the same error
        g.sign_in_id = _read_sign_in()
    return cast(str | None, g.sign_in_id)


def _read_sign_in() -> str | None:
    given = str(session.get(SIGNED_IN, ""))
    if not given or service().environment.password_hash is None:
        return None
    return given if SignIns(service().catalogue).is_valid(given, _password_mark()) else None


def begin_sign_in() -> None:
    """A new session with a new token, against session fixation. The browser keeps its songs."""
    own_name = client()
    session.clear()
    session.update({"client": own_name, SIGNED_IN: SignIns(service().catalogue).add(_password_mark())})
    session.permanent = True


def end_sign_in() -> None:
    """Also a copy of the cookie is signed out."""
    if given := session.get(SIGNED_IN):
        SignIns(service().catalogue).delete(str(given))
    own_name = client()
    session.clear()
    session.update({"client": own_name})
    session.permanent = True


def _password_mark() -> str:
    """What a sign-in was made with. A new password has another mark, and so ends every sign-in."""
    return hashlib.sha256((service().environment.password_hash or "").encode()).hexdigest()[:32]


def api_key() -> str | None:
    """The name of this request's API key; None without one. Raises SignInError for an unknown key."""
    if "api_key" not in g:
        g.api_key = None  # the page of the error asks again, and must not raise the same error
        g.api_key = _read_key()
    return cast(str | None, g.api_key)


def _read_key() -> str | None:
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return None
    # Looked up by its hash, so that the response time does not reveal how much of a guess was right.
    name = service().environment.api_keys.get(fingerprint(key.strip()))
    if name is None:
        raise SignInError()
    return name


def is_from_this_machine() -> bool:
    """Whether the client is a browser on this machine, without a proxy between.

    With a proxy on this machine, every client would appear to be local. A proxy is recognised by the headers that
    proxies add, and by HTTP/1.0: no current browser uses it, but nginx does by default. Where proxies are expected, no
    client counts as local: whoever reaches the port directly can forward any address.
    """
    if service().environment.proxies > 0 or any(name in request.headers for name in _PROXY_HEADERS):
        return False
    if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        return False
    address = remote_address()
    return address is not None and address.is_loopback


def remote_address() -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of the client, an IPv4 address also where the socket shows it as an IPv6 one."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


# --- permissions -------------------------------------------------------------------------------------


def may_change_library() -> bool:
    """Whether this request may change the library or scan its folders."""
    if api_key() is not None or is_signed_in():
        return True
    return service().environment.password_hash is None and is_from_this_machine()


def changes_library(view: Callable[P, R]) -> Callable[P, R | Response]:
    """For views that change the library: other clients are sent to the login page or get an error."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        return view(*args, **kwargs) if may_change_library() else _refuse()

    return guarded


def _refuse() -> Response:
    environment = service().environment
    if wants_json() and (environment.password_hash or environment.api_keys):
        raise SignInError()
    if environment.password_hash is None:
        raise NotThisMachineError() if environment.proxies == 0 else NoPasswordError()
    target = request.full_path.rstrip("?") if request.method in SAFE_METHODS else url_for("pages.index")
    return redirect(url_for("login.show", next=target), 303)


def _require_sign_in() -> Response | None:
    """A private service answers only clients that have signed in or send a key."""
    if not service().environment.private or request.endpoint in OPEN_ENDPOINTS:
        return None
    return None if api_key() is not None or is_signed_in() else _refuse()
