"""Makes what people must keep to themselves: the hash of a password, a key for a program. Neither is stored here."""

from __future__ import annotations

import getpass
import hashlib
import secrets
import sys

from werkzeug.security import generate_password_hash

from ml.report.errors import SoriError
from ml.report.translation import Translator

KEY_START = "sori_"
LEAST_CHARACTERS = 8


class ShortPasswordError(SoriError):
    code = "password"
    sentence = "A password needs {least} characters at least."


class UnlikePasswordsError(SoriError):
    code = "password"
    sentence = "The two passwords are not the same."


class KeyNameError(SoriError):
    code = "key"
    sentence = "A key's name has letters, digits, dots and dashes, and at most 40 of them."


def make_password(translator: Translator) -> int:
    """Ask twice at a terminal, or read one line from a pipe; print the hash for SORI_PASSWORD_HASH."""
    if sys.stdin.isatty():
        password = getpass.getpass(translator.translate("New password: "))
        again = getpass.getpass(translator.translate("Once more: "))
    else:
        password = again = sys.stdin.readline().rstrip("\r\n")
    if password != again:
        raise UnlikePasswordsError()
    if len(password) < LEAST_CHARACTERS:
        raise ShortPasswordError(least=LEAST_CHARACTERS)
    print(f"SORI_PASSWORD_HASH='{generate_password_hash(password, method='scrypt')}'")
    return 0


def make_key(name: str, translator: Translator) -> int:
    """Print a fresh key, which is seen this once, and the entry for SORI_API_KEYS."""
    if not (0 < len(name) <= 40 and all(sign.isalnum() or sign in "_.-" for sign in name)):
        raise KeyNameError()
    key = KEY_START + secrets.token_urlsafe(32)
    print(translator.translate("The key, which is shown this once: {key}", key=key))
    print(translator.translate("Its entry in SORI_API_KEYS: {entry}", entry=f"{name}:{fingerprint(key)}"))
    return 0


def fingerprint(key: str) -> str:
    """What is kept of a key. It is random and long, so that a plain hash protects it."""
    return hashlib.sha256(key.encode()).hexdigest()
