"""Recognises browsers that have signed in before, also after they signed out.

Strangers who guess passwords together use up one limit. A browser with this cookie has a limit of its own, so that they
cannot lock it out. The cookie permits nothing else.
"""

from __future__ import annotations

import secrets
from typing import cast

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

COOKIE = "known"
_YEAR_SECONDS = 365 * 24 * 3600


def known_browser() -> str | None:
    """The random name of this browser; None where it has never signed in."""
    try:
        return str(_signer().loads(request.cookies.get(COOKIE, "")))
    except BadSignature:
        return None


def mark_as_known(response: Response) -> None:
    name = known_browser() or secrets.token_urlsafe(12)
    response.set_cookie(
        COOKIE, _signer().dumps(name), max_age=_YEAR_SECONDS, secure=request.is_secure, httponly=True, samesite="Lax"
    )


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(cast(str | bytes, current_app.secret_key), salt="known browser")
