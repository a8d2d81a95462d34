"""The secret addresses of analyses: made so that nobody guesses one, and known by their form."""

from __future__ import annotations

import re
import secrets


def new_id() -> str:
    """An address that nobody guesses: 128 random bits."""
    return secrets.token_urlsafe(16)


def is_address(text: str) -> bool:
    """Whether this could be an analysis's address: no dots, no slashes, nothing that means a place to the system."""
    return re.fullmatch(r"[A-Za-z0-9_-]{1,32}", text) is not None
