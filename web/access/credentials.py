"""Makes the hash of a password and API keys for programs. Sori stores neither the password nor the keys."""

from __future__ import annotations

import getpass
import hashlib
import re
import secrets
import sys

from werkzeug.security import generate_password_hash

from ml.report.errors import SoriError
from ml.report.translation import Translator

KEY_PREFIX = "sori_"
PASSWORD_CHARACTERS = 8


class ShortPasswordError(SoriError):
    code = "password"
    sentence = "The password must have at least {minimum} characters."


class UnlikePasswordsError(SoriError):
    code = "password"
    sentence = "The two passwords differ."


class KeyNameError(SoriError):
    code = "key"
    sentence = "The name of a key must have 1 to 40 letters, digits, dots, dashes or underscores."


def make_password(translator: Translator) -> int:
    """Ask twice at a terminal, or read one line from a pipe; print the hash for SORI_PASSWORD_HASH."""
    if sys.stdin.isatty():
        password = getpass.getpass(translator.translate("New password: "))
        again = getpass.getpass(translator.translate("New password again: "))
    else:
        password = again = sys.stdin.readline().rstrip("\r\n")
    if password != again:
        raise UnlikePasswordsError()
    if len(password) < PASSWORD_CHARACTERS:
        raise ShortPasswordError(minimum=PASSWORD_CHARACTERS)
    print(f"SORI_PASSWORD_HASH='{generate_password_hash(password, method='scrypt')}'")
    return 0


def make_key(name: str, translator: Translator) -> int:
    """Print a new key, which is shown only once, and its entry for SORI_API_KEYS."""
    if not re.fullmatch(r"[\w.-]{1,40}", name):
        raise KeyNameError()
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    print(translator.translate("The key, which is shown only once: {key}", key=key))
    print(translator.translate("Its entry for SORI_API_KEYS: {entry}", entry=f"{name}:{fingerprint(key)}"))
    return 0


def fingerprint(key: str) -> str:
    """The hash of a key. Keys are random and long, so that a plain hash protects them."""
    return hashlib.sha256(key.encode()).hexdigest()
