"""Puts the Flask application together from its parts. gunicorn and the tests call `create_app`."""

from __future__ import annotations

import os

from flask import Flask

from environment import Environment, read_environment
from jobs.cluster.messages import Messages
from jobs.queue.analyses import Analyses
from library.catalogue.database import open_catalogue
from library.catalogue.path_map import use_path_map
from library.search.current import CurrentLibrary
from ml.paths import ROOT
from web.access import checks, errors, headers, language, login
from web.api import analysis_views, docs_views, track_views
from web.api.song_requests import SongRequest
from web.context import NAME, Service
from web.cooperative import Connection, in_native_thread
from web.pages import exports, library_pages, media, scan_pages, song_pages
from web.server import health, logs, metrics
from web.song_files import song_files_of

# Flask calls the parts in this order before a view, and in the opposite order after it.
PARTS = (metrics, logs, errors, language, checks, headers, song_pages, scan_pages, analysis_views)
BLUEPRINTS = (
    *(health.health, login.login, song_pages.pages, media.media, exports.exports),
    *(analysis_views.api, track_views.api, docs_views.docs, library_pages.browse, scan_pages.rescan),
)


BUSY_SECONDS = 3.0
"""How long a request waits for a locked database before it is answered with 503."""


class Sori(Flask):
    request_class = SongRequest


def create_app(environment: Environment | None = None) -> Flask:
    """The application for these settings; gunicorn gives none, so that this process reads its own."""
    environment = environment or read_environment(os.environ)
    use_path_map(environment.path_map)
    catalogue = open_catalogue(
        environment.home, environment.database_url, connection=Connection, busy_seconds=BUSY_SECONDS
    )
    app = Sori("sori", root_path=str(ROOT))
    analyses = Analyses(catalogue, environment.home, song_files_of(environment, catalogue))
    library = CurrentLibrary(catalogue, in_native_thread)
    app.extensions[NAME] = Service(environment, catalogue, analyses, library, Messages(environment))
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    with app.app_context():
        for part in PARTS:
            part.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
