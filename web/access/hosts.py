"""Accepts requests only for known host names, against DNS rebinding.

In that attack, a host name of another site points to this machine, so that a browser takes that site's pages and ours
for one site. Nobody can own an IP address as a name, so addresses are accepted.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from web.access.errors import WebError
from web.context import service


class UnknownHostError(WebError):
    code = "unknown_host"
    status = 421
    sentence = "This service does not answer to the name {host}. Its operator can allow the name with SORI_HOSTS."


def install(app: Flask) -> None:
    environment = service().environment
    if count := environment.proxies:
        behind_proxies = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)
        app.wsgi_app = behind_proxies  # type: ignore[method-assign]
    own = {"localhost", environment.host.lower(), socket.gethostname().lower()}
    names = own | set(environment.hosts)

    def refuse_other_names() -> None:
        if "*" not in names and not is_known(request.host, names):
            raise UnknownHostError(host=request.host[:100] or "?")

    app.before_request(refuse_other_names)


def is_known(host: str, names: set[str]) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True
