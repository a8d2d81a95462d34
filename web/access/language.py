"""The language of a response: what the person chose, else what the browser asks for, else English."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Flask, Response, make_response, redirect, request
from flask_babel import Babel
from flask_babel import get_locale as babel_locale

from environment import LANGUAGES
from ml.report.translation import Translator
from web.context import own_address

COOKIE = "language"
_YEAR_SECONDS = 365 * 24 * 3600


def install(app: Flask) -> None:
    Babel(app, locale_selector=current_language)
    app.context_processor(_names)
    app.add_url_rule("/language/<chosen>", view_func=choose, methods=["POST"])


def current_language() -> str:
    chosen = request.cookies.get(COOKIE)
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or "en"


def translator() -> Translator:
    """The translator for this request's language."""
    return _translator(str(babel_locale() or "en"))


_translator = cache(Translator)


def _names() -> dict[str, Any]:
    current = translator()
    return {"_": current.translate, "translator": current, "language": current.language, "languages": LANGUAGES}


def choose(chosen: str) -> Response:
    """Store the language in a cookie and go back to the page."""
    response = make_response(redirect(own_address(request.form.get("next", "/")), 303))
    if chosen in LANGUAGES:
        response.set_cookie(COOKIE, chosen, max_age=_YEAR_SECONDS, samesite="Lax", httponly=True)
    return response
