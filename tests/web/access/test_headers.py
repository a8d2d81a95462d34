"""The policy that browsers get for every page, directive by directive."""

from __future__ import annotations

from flask.testing import FlaskClient

SOURCES = {
    "default-src": {"'none'"},
    "script-src": {"'self'"},
    "style-src": {"'self'"},
    "img-src": {"'self'", "blob:", "data:"},
    "media-src": {"'self'", "blob:"},
    "connect-src": {"'self'"},
    "form-action": {"'self'"},
    "base-uri": {"'none'"},
    "frame-ancestors": {"'none'"},
}
"""What a page may load and from where; none of it from another site, and scripts only from files of this one."""


def test_the_policy_names_no_other_site(browser: FlaskClient) -> None:
    policy = browser.get("/").headers["Content-Security-Policy"]
    directives = {name: set(sources) for name, *sources in (part.split() for part in policy.split(";"))}
    assert directives == SOURCES
