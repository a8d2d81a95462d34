"""How much one client may use and how much the machine has room for. Both are checked before a song's bytes are read.

A client is its network address or its API key, as a cookie can be thrown away. Addresses are not stored, only a hash
that cannot be reversed without the service's secret.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import os
import threading
import time
from typing import cast

from flask import Flask, current_app, request

from jobs.queue.analyses import QUEUED
from jobs.queue.limits import Limits, Rate
from web.access.errors import NoRoomError, WebError
from web.access.permissions import api_key, client, remote_address
from web.context import service

UPLOADS = Rate("upload", burst=100, seconds=6.0)
LOGINS = Rate("login", burst=10, seconds=30.0)
ALL_LOGINS = Rate("logins", burst=100, seconds=6.0)
"""All clients share one password, so that guesses from many addresses together are as slow as these."""
CALLS = Rate("call", burst=1000, seconds=0.05)
CALLS_PER_WRITE = 20
"""How many calls are taken from the database at once, so that few reading requests write to it."""
SWEEP_SECONDS = 600.0
DEFAULT_ANALYSIS_SECONDS = 3.0
"""Assumed for one song before any was analysed."""


class TooOftenError(WebError):
    code = "too_often"
    status = 429
    sentence = "Too many requests. Try again in {seconds} seconds."


class OwnQueueError(WebError):
    code = "own_queue"
    status = 429
    sentence = "{count} of your songs are waiting already. Try again in {seconds} seconds."


class FullQueueError(WebError):
    code = "queue_full"
    status = 503
    sentence = "The queue is full: {count} songs are waiting. Try again in {seconds} seconds."


class RateLimiter:
    """The limits of one application: those in the database, and the calls that it took from there in advance."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._prepaid: dict[str, int] = {}
        self._lock = threading.Lock()
        self._sweep_at = time.monotonic() + SWEEP_SECONDS

    def take(self, key: str, rate: Rate) -> None:
        """Take one from a client's limit, or raise with the seconds to wait."""
        self._sweep()
        if wait := self.limits.take(key, rate):
            raise with_retry(TooOftenError, wait)

    def take_call(self, key: str) -> None:
        with self._lock:
            calls = self._prepaid.get(key, 0)
            if calls:
                self._prepaid[key] = calls - 1
                return
        if wait := self.limits.take(key, CALLS, CALLS_PER_WRITE):
            raise with_retry(TooOftenError, wait)
        with self._lock:
            self._prepaid[key] = self._prepaid.get(key, 0) + CALLS_PER_WRITE - 1

    def _sweep(self) -> None:
        with self._lock:
            if time.monotonic() < self._sweep_at:
                return
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._prepaid.clear()
        self.limits.sweep()


def install(app: Flask) -> None:
    app.extensions[__name__] = RateLimiter(Limits(service().catalogue))
    app.before_request(_limit)


def _limit() -> None:
    # Only uploads are multipart. Wherever such a body is sent, its bytes would be written to the disk.
    is_upload = request.method == "POST" and request.mimetype == "multipart/form-data"
    if service().environment.rate_limits:
        limiter = cast(RateLimiter, current_app.extensions[__name__])
        if request.endpoint == "login.sign_in":
            limiter.take(client_key(), LOGINS)
            limiter.take("", ALL_LOGINS)
        elif is_upload:
            limiter.take(client_key(), UPLOADS)
        elif request.path.startswith("/api/"):
            limiter.take_call(client_key())
    if is_upload:
        check_room(request.content_length or 0)


def check_room(size: int = 0) -> None:
    """Refuse an upload of this many bytes where the queue or the disk has no room for it."""
    environment, analyses = service().environment, service().analyses
    if service().free_bytes() - size < environment.min_free_mb * 1_000_000:
        raise NoRoomError()
    waiting = analyses.count(QUEUED)
    if waiting >= environment.queue:
        raise with_retry(FullQueueError, waiting * seconds_per_song() / 10, count=waiting)
    if waiting >= environment.client_queue:  # otherwise one client cannot have as many
        own = analyses.count(QUEUED, client())
        if own >= environment.client_queue:
            raise with_retry(OwnQueueError, own * seconds_per_song() / 10, count=own)


def seconds_per_song() -> float:
    """The mean time between two songs that leave the queue, from the last analyses."""
    workers = service().environment.workers or max(1, (os.cpu_count() or 1) // 2)
    return (service().analyses.usual_seconds() or DEFAULT_ANALYSIS_SECONDS) / workers


def with_retry(kind: type[WebError], seconds: float, **facts: int) -> WebError:
    """An error that tells the client when to try again."""
    wait = min(max(math.ceil(seconds), 1), 3600)
    error = kind(seconds=wait, **facts)
    error.retry_after = wait
    return error


def client_key() -> str:
    """The client by which limits are counted. Of an IPv6 address only the network's half counts, because one house has
    all the rest."""
    if name := api_key():
        return f"key {name}"
    network = ""
    if address := remote_address():
        network = str(ipaddress.ip_network((address, 64 if address.version == 6 else 32), strict=False))
    secret = cast(str | bytes, current_app.secret_key)
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.digest(key, network.encode(), "sha256").hex()[:32]
