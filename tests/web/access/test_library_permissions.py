"""Every view that changes the library turns away who may not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from jobs.queue.scans import Scans
from tests.web.access.test_access import HASH, KEY
from web.access.credentials import fingerprint
from web.context import NAME


@pytest.mark.parametrize("address", ["/library/rescan", "/library/rescan/stop"])
def test_a_stranger_cannot_change_the_library(make: Callable[..., Flask], address: str) -> None:
    """Neither from elsewhere without a password, nor without signing in where there is one."""
    for settings, elsewhere in (({}, "10.0.0.2"), ({"password_hash": HASH}, "127.0.0.1")):
        app = make(**settings)
        browser = app.test_client()
        token = re.search(r'name="token" value="([^"]+)"', browser.get("/").text)
        assert token
        refused = browser.post(address, data={"token": token[1]}, environ_overrides={"REMOTE_ADDR": elsewhere})
        assert refused.status_code == 403 or refused.headers["Location"].startswith("/login")
        assert Scans(app.extensions[NAME].catalogue).latest() is None
    key = {"Authorization": f"Bearer {KEY}"}
    allowed = make(api_keys={fingerprint(KEY): "script"}).test_client().post(address, headers=key)
    assert allowed.status_code == 409 or "login" not in allowed.headers.get("Location", "login")
