"""Refuses requests that another web site sends through a visitor's browser (CSRF, cross-site request forgery).

Browsers send the site that a request comes from as Sec-Fetch-Site or Origin, which a page cannot change. This is
checked before any limit, so that another site uses up no limit of its visitor.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request

from web.access.errors import ForbiddenError
from web.access.permissions import SAFE_METHODS, api_key

SITE_HEADERS = ("Sec-Fetch-Site", "Origin")


def install(app: Flask) -> None:
    app.before_request(_refuse_other_sites)


def may_be_forged() -> bool:
    """Whether this request changes something by the right of a cookie, which another site could use."""
    return request.method not in SAFE_METHODS and api_key() is None


def _refuse_other_sites() -> None:
    if not may_be_forged():
        return
    site, origin = (request.headers.get(name) for name in SITE_HEADERS)
    if site not in (None, "same-origin", "none"):
        raise ForbiddenError()
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise ForbiddenError()
