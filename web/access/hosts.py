"""By which name the service is called. A page that another site has led to this machine's address is refused.

That is DNS rebinding: a name that belongs to somebody else points here, and to the browser their page and ours are one
site. Addresses are never anybody's name, so they are let through.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from environment import Environment
from web.access.errors import WebError
from web.context import service


class UnknownHostError(WebError):
    code = "unknown_host"
    status = 421
    sentence = "This service is not called {host} here. Whoever runs it can allow that name with SORI_HOSTS."


def install(app: Flask) -> None:
    with app.app_context():
        environment = service().environment
    if count := environment.proxies:
        fixed = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)
        app.wsgi_app = fixed  # type: ignore[method-assign]
    names = known_names(environment)

    def refuse_other_names() -> None:
        host = request.host
        if "*" not in names and not is_known(host, names):
            raise UnknownHostError(host=host[:100] or "?")

    app.before_request(refuse_other_names)


def known_names(environment: Environment) -> frozenset[str]:
    own = {"localhost", environment.host.lower(), socket.gethostname().lower()}
    return frozenset(own | set(environment.hosts))


def is_known(host: str, names: frozenset[str]) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True
