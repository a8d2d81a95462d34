"""The pages about one song: hand it in, see what it sounds like."""

from __future__ import annotations

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ml.report import Report
from web import api, uploads
from web.guard import client
from web.service import service

pages = Blueprint("pages", __name__)


def install(app: Flask) -> None:
    app.register_blueprint(pages)


@pages.get("/")
def index() -> str:
    return render_template("index.html", recent=service().analyses.recent(client()))


@pages.post("/")
def upload() -> Response:
    """The form without JavaScript: the first song's page follows."""
    taken = [uploads.take(name, incoming, client()) for name, incoming in uploads.songs(request)]
    return redirect(url_for("pages.result", analysis_id=taken[0].id), 303)


@pages.get("/a/<analysis_id>")
def result(analysis_id: str) -> str:
    analysis = api.find(analysis_id)
    if analysis.report is None:
        return render_template("waiting.html", analysis=analysis, error=api.error_of(analysis))
    return render_template("result.html", analysis=analysis, report=Report.from_dict(analysis.report))


@pages.post("/a/<analysis_id>/delete")
def delete(analysis_id: str) -> Response:
    service().analyses.delete(analysis_id)
    return redirect(url_for("pages.index"), 303)
