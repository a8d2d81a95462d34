"""Who asks: each browser has a signed cookie with a name of its own; forms carry a token that others cannot know."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, request, session
from markupsafe import Markup

from web.errors import ForbiddenError
from web.service import service

SECRET_FILE = "secret"  # noqa: S105 - the name of a file, not what is in it
FIELD = "token"
View = Callable[..., Any]
_SAFE = ("GET", "HEAD", "OPTIONS")


def install(app: Flask) -> None:
    with app.app_context():
        app.secret_key = read_secret(service().environment.home)
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_NAME="sori")
    app.before_request(_refuse_forgeries)
    app.context_processor(lambda: {"csrf_field": csrf_field})


def read_secret(home: Path) -> bytes:
    """The key that cookies are signed with, made once for this home."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / SECRET_FILE
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    return path.read_bytes()


def client() -> str:
    """The name of this browser; it says nothing about the person."""
    if "client" not in session:
        session["client"] = secrets.token_urlsafe(12)
        session.permanent = True
    name: str = session["client"]
    return name


def csrf_token() -> str:
    if FIELD not in session:
        session[FIELD] = secrets.token_urlsafe(24)
    token: str = session[FIELD]
    return token


def csrf_field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def _refuse_forgeries() -> None:
    """A change must come from one of our own pages. Programs send no cookie, and so nobody can borrow theirs."""
    if request.method in _SAFE:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForbiddenError()
    if request.path.startswith("/api/"):
        return
    given = request.form.get(FIELD) or request.headers.get("X-Token") or ""
    if not hmac.compare_digest(given.encode(), csrf_token().encode()):
        raise ForbiddenError()


def may_change_library() -> bool:
    return True


def changes_library(view: View) -> View:
    return view
