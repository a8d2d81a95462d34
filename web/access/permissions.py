"""Who asks, and what they may do.

Each browser has a signed cookie with a name of its own, and forms carry a token that others cannot know. Who has signed
in, or sends an API key, may change the library; without a password only this machine's own browser may, because whoever
sits at it could change the files as well.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Flask, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup
from werkzeug.wrappers import Response

from web.access.credentials import fingerprint
from web.access.errors import ForbiddenError, NotHereError, SignInError, wants_json
from web.context import service

SECRET_FILE = "secret"  # noqa: S105 - the name of a file, not what is in it
FIELD = "token"
SIGNED_IN = "signed_in"
OPEN_ENDPOINTS = {"static", "health.healthz", "login.show", "login.sign_in", "choose", "login.sign_out"}
"""What everybody may see of a private service."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_OF_PROXIES = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")

P = ParamSpec("P")
R = TypeVar("R")


class Cookies(SecureCookieSessionInterface):
    """Session cookies that only travel encrypted wherever the connection is."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def install(app: Flask) -> None:
    with app.app_context():
        environment = service().environment
        app.secret_key = environment.secret_key or read_secret(environment.home)
    app.session_interface = Cookies()
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_NAME="sori")
    app.before_request(_refuse_strangers)
    app.before_request(_refuse_forgeries)
    app.context_processor(_names)


def _names() -> dict[str, object]:
    return {
        "csrf_field": csrf_field,
        "csrf_token": csrf_token,
        "may_change_library": may_change_library,
        "is_signed_in": is_signed_in,
        "has_password": service().environment.password_hash is not None,
    }


def read_secret(home: Path) -> bytes:
    """The key that cookies are signed with, made once for this home."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / SECRET_FILE
    # Written aside and linked, so that nobody ever reads half of it.
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


# --- who asks ----------------------------------------------------------------------------------------


def client() -> str:
    """The name of this browser; it says nothing about the person."""
    if "client" not in session:
        session["client"] = secrets.token_urlsafe(12)
        session.permanent = True
    name: str = session["client"]
    return name


def is_signed_in() -> bool:
    """Whether this browser knew the password, and the password is still the same."""
    kept = session.get(SIGNED_IN, "")
    return service().environment.password_hash is not None and hmac.compare_digest(str(kept), password_mark())


def password_mark() -> str:
    """What a signed-in browser's cookie holds: it is worth nothing once the password is another one."""
    return hashlib.sha256((service().environment.password_hash or "").encode()).hexdigest()[:32]


def api_key() -> str | None:
    """The name of the key that this request carries; None without one. A wrong one is refused."""
    if "api_key" not in g:
        g.api_key = None  # a refused key is none, while the refusal is written
        g.api_key = _read_key()
    found: str | None = g.api_key
    return found


def _read_key() -> str | None:
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return None
    # Looked up by its hash, so that the time it takes says nothing about how much of a guess was right.
    name = service().environment.api_keys.get(fingerprint(key.strip()))
    if name is None:
        raise SignInError()
    return name


def is_from_here() -> bool:
    """Whether a browser on this very machine asks, with nothing in between.

    A proxy on this machine would let everybody look so. It is recognised by the headers that proxies add, and by
    HTTP/1.0, which no browser has spoken for long, but nginx does unless told.
    """
    if service().environment.proxies == 0 and any(name in request.headers for name in _OF_PROXIES):
        return False
    if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        return False
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


# --- what they may do --------------------------------------------------------------------------------


def may_change_library() -> bool:
    """Whether this request may change what the library holds, or start a scan of its folders."""
    if api_key() is not None or is_signed_in():
        return True
    return service().environment.password_hash is None and is_from_here()


def changes_library(view: Callable[P, R]) -> Callable[P, R | Response]:
    """For views that change the library: who may not is asked to sign in, or told that it cannot be done."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        return view(*args, **kwargs) if may_change_library() else _turn_away()

    return guarded


def _turn_away() -> Response:
    environment = service().environment
    if wants_json() and (environment.password_hash or environment.api_keys):
        raise SignInError()
    if environment.password_hash is None:
        raise NotHereError()
    target = request.full_path.rstrip("?") if request.method in _SAFE else url_for("pages.index")
    return redirect(url_for("login.show", next=target), 303)


def _refuse_strangers() -> Response | None:
    """In a private service everything is for those who have signed in."""
    if not service().environment.private or request.endpoint in OPEN_ENDPOINTS:
        return None
    return None if api_key() is not None or is_signed_in() else _turn_away()


# --- forgeries ---------------------------------------------------------------------------------------


def csrf_token() -> str:
    if FIELD not in session:
        session[FIELD] = secrets.token_urlsafe(24)
    token: str = session[FIELD]
    return token


def csrf_field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def _refuse_forgeries() -> None:
    """A change must come from one of our own pages, or from a program, which sends no cookie that can be borrowed.

    Browsers say where a request comes from, by Sec-Fetch-Site or by Origin, and a page cannot change what they say.
    """
    if request.method in _SAFE or api_key() is not None:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none"):
        raise ForbiddenError()
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise ForbiddenError()
    if wants_json() and (site or origin or SIGNED_IN not in session):
        return
    # The header first: looking into the form reads the whole body.
    given = request.headers.get("X-Token") or request.form.get(FIELD) or ""
    if not hmac.compare_digest(given.encode(), csrf_token().encode()):
        raise ForbiddenError()
