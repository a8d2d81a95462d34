"""Ids of analyses. They are secret addresses: whoever has one can open the result."""

from __future__ import annotations

import re
import secrets


def new_id() -> str:
    """128 random bits."""
    return secrets.token_urlsafe(16)


def is_address(text: str) -> bool:
    """Whether this has the form of an id. Ids contain no dots or slashes, so that they cannot be paths."""
    return re.fullmatch(r"[A-Za-z0-9_-]{1,32}", text) is not None
