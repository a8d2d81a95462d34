"""The settings of gunicorn with short times, so that a test of a client that stalls takes seconds."""

from web.server import connections
from web.server.gunicorn_settings import *  # noqa: F403 - gunicorn reads every name

connections.STALL_SECONDS = 1.0
