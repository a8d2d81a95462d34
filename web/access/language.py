"""The reader's language: what they chose, else what their browser asks for, else English."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Flask, Response, g, make_response, redirect, request, url_for
from flask_babel import Babel
from flask_babel import get_locale as babel_locale

from environment import LANGUAGES
from ml.report.translation import Translator

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
    """The words of this request's reader."""
    if "words" not in g:
        g.words = _translator(str(babel_locale() or "en"))
    found: Translator = g.words
    return found


@cache
def _translator(language: str) -> Translator:
    return Translator(language)


def _names() -> dict[str, Any]:
    spoken = translator()
    return {"_": spoken.translate, "translator": spoken, "language": spoken.language, "languages": LANGUAGES}


def choose(chosen: str) -> Response:
    """Remember the language and go back to the page, which must be one of ours."""
    back = request.form.get("next", "/")
    if not back.startswith("/") or back.startswith(("//", "/\\")):
        back = url_for("pages.index")
    response = make_response(redirect(back, 303))
    if chosen in LANGUAGES:
        response.set_cookie(COOKIE, chosen, max_age=_YEAR_SECONDS, samesite="Lax", httponly=True)
    return response
