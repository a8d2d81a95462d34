"""The checks of every request, in this order. The first that refuses ends it.

Host name, sign-in, address and method, size, the site that sent it, limits, room on the disk: the head of a request
decides all of these, before any of its body is read. The last one, the token of a form, is in the body.
"""

from __future__ import annotations

from flask import Flask

from web.access import bodies, forgeries, hosts, permissions, rate_limits, room, tokens

CHECKS = (hosts, permissions, bodies, forgeries, rate_limits, room, tokens)


def install(app: Flask) -> None:
    for check in CHECKS:
        check.install(app)
