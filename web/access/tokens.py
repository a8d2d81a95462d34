"""The token in each form, which other sites cannot read: the second guard against forged requests.

It is checked after everything else, because the body holds it.
"""

from __future__ import annotations

import hmac
import secrets
from typing import cast

from flask import Flask, request, session
from markupsafe import Markup

from web.access.errors import ForbiddenError, wants_json
from web.access.forgeries import SITE_HEADERS, may_be_forged
from web.access.permissions import SIGNED_IN

FIELD = "token"
HEADER = "X-Token"


def install(app: Flask) -> None:
    app.before_request(_check)
    app.context_processor(lambda: {"csrf_field": csrf_field, "csrf_token": csrf_token})


def csrf_token() -> str:
    if FIELD not in session:
        session[FIELD] = secrets.token_urlsafe(24)
    return cast(str, session[FIELD])


def csrf_field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def _check() -> None:
    if not may_be_forged():
        return
    names_its_site = any(name in request.headers for name in SITE_HEADERS)
    if wants_json() and (names_its_site or SIGNED_IN not in session):
        return
    if FIELD not in session:  # no token can be right, so the body is not read
        raise ForbiddenError()
    token = request.headers.get(HEADER) or request.form.get(FIELD) or ""
    if not hmac.compare_digest(token.encode(), csrf_token().encode()):
        raise ForbiddenError()
