"""How much one client may use and how much the queue has room for. Both are checked before a song's bytes are read.

A client is its network address, as a cookie can be thrown away. This machine, each sign-in and each API key are clients
of their own, so that strangers at the same address use up nothing of theirs. Addresses are not stored, only a hash that
cannot be reversed without the service's secret.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from flask import Flask, current_app, request
from sqlalchemy.exc import DBAPIError

from jobs.queue.analyses import QUEUED
from jobs.queue.limits import Limits, LocalLimits, Rate
from library.catalogue.database import reason_of
from web.access.bodies import takes_songs
from web.access.errors import UnavailableError, WebError
from web.access.known_browsers import known_browser
from web.access.permissions import api_key, client, is_from_this_machine, remote_address, sign_in_id
from web.context import service

LOG = logging.getLogger(__name__)
UPLOADS = Rate("upload", burst=100, seconds=6.0)
"""Songs, however many of them one form holds."""
MEGABYTES = Rate("megabyte", burst=5000, seconds=0.3)
LOGINS = Rate("login", burst=10, seconds=30.0)
ALL_LOGINS = Rate("logins", burst=100, seconds=6.0)
"""All clients share one password, so that guesses from many addresses together are as slow as these. Browsers that have
signed in before and this machine are not counted here, so that strangers cannot lock them out."""
CALLS = Rate("call", burst=1000, seconds=0.05)
CALLS_PER_WRITE = 20
"""How many calls are taken from the database at once, so that few reading requests write to it."""
SWEEP_SECONDS = 600.0
DATABASE_RETRY_SECONDS = 2.0
"""How long limits are counted in this process alone, after the database could not be written to."""
QUEUE_LOCK_SECONDS = 3.0
QUEUE_COUNT_SECONDS = 0.25
"""How old a count of the queue may be for a request whose song has not arrived yet. After that it is counted again."""
THIS_MACHINE = "this machine"
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
        self._local = LocalLimits()
        self._database_at = time.monotonic()
        """When the database is tried again."""
        self.queue_lock = threading.Lock()
        self._count_lock = threading.Lock()
        self._waiting = 0
        """Songs in the queue when they were last counted."""
        self._counted_at = -math.inf
        self._prepaid: dict[str, int] = {}
        self._lock = threading.Lock()
        self._sweep_at = time.monotonic() + SWEEP_SECONDS

    def take(self, key: str, rate: Rate, count: int = 1) -> None:
        """Take from a client's limit, or raise with the seconds to wait."""
        if wait := self._take(key, rate, count):
            raise with_retry(TooOftenError, wait)

    def take_call(self, key: str) -> None:
        with self._lock:
            calls = self._prepaid.get(key, 0)
            if calls:
                self._prepaid[key] = calls - 1
                return
        self.take(key, CALLS, CALLS_PER_WRITE)
        with self._lock:
            self._prepaid[key] = self._prepaid.get(key, 0) + CALLS_PER_WRITE - 1

    def count_waiting(self, max_age_seconds: float) -> int:
        """Songs in the queue, by a count that is at most so old. Requests at the same time count once."""
        with self._count_lock:
            now = time.monotonic()
            if now - self._counted_at >= max_age_seconds:
                self._waiting, self._counted_at = service().analyses.count(QUEUED), now
            return self._waiting

    def add_waiting(self) -> None:
        """A song was added since the queue was counted."""
        with self._count_lock:
            self._waiting += 1

    def _take(self, key: str, rate: Rate, count: int) -> float:
        """From the database, or at once from this process where the database is locked."""
        if time.monotonic() >= self._database_at:
            try:
                self._sweep()
                return self.limits.take(key, rate, count)
            except DBAPIError as error:
                LOG.warning("limits are counted in this process: %s", reason_of(error))
                self._database_at = time.monotonic() + DATABASE_RETRY_SECONDS
        return self._local.take(key, rate, count)

    def _sweep(self) -> None:
        with self._lock:
            if time.monotonic() < self._sweep_at:
                return
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._prepaid.clear()
        self._local.sweep()
        self.limits.sweep()


def install(app: Flask) -> None:
    app.extensions[__name__] = RateLimiter(Limits(service().catalogue))
    app.before_request(_limit)


def _limit() -> None:
    if not service().environment.rate_limits:
        return
    if request.endpoint == "login.sign_in":
        _take_login()
    elif takes_songs():
        take_song()
    elif request.path.startswith("/api/"):
        # Pictures in the page of another site can call the API too, but use up another limit than our own pages.
        is_foreign = request.headers.get("Sec-Fetch-Site") == "cross-site"
        _limiter().take_call(f"{'other sites ' if is_foreign else ''}{client_key()}")


def _take_login() -> None:
    """Take one guess of the password."""
    if known := known_browser():
        _limiter().take(f"known {known}", LOGINS)
        return
    _limiter().take(client_key(), LOGINS)
    if not is_from_this_machine():
        _limiter().take("", ALL_LOGINS)


def take_song() -> None:
    if service().environment.rate_limits:
        _limiter().take(client_key(), UPLOADS)


def take_bytes(size: int) -> None:
    """Take the bytes of an upload, in whole megabytes. One file of the largest size is always possible."""
    if service().environment.rate_limits and size > 0:
        burst = max(MEGABYTES.burst, 2 * service().environment.max_upload_mb)
        _limiter().take(client_key(), replace(MEGABYTES, burst=burst), math.ceil(size / 1_000_000))


def _limiter() -> RateLimiter:
    return cast(RateLimiter, current_app.extensions[__name__])


@contextmanager
def place_in_queue() -> Iterator[None]:
    """For adding an upload: meanwhile no other upload of this process can take the same place."""
    if not _limiter().queue_lock.acquire(timeout=QUEUE_LOCK_SECONDS):
        raise UnavailableError()  # the database is locked, and others wait for it already
    try:
        check_queue()
        yield
        _limiter().add_waiting()
    finally:
        _limiter().queue_lock.release()


def check_queue(max_age_seconds: float = 0.0) -> None:
    """Refuse an upload for which the queue has no place, by a count that is at most so old."""
    environment, analyses = service().environment, service().analyses
    waiting = _limiter().count_waiting(max_age_seconds)
    if waiting >= environment.queue:
        raise with_retry(FullQueueError, waiting * seconds_per_song() / 10, count=waiting)
    if waiting >= environment.client_queue:  # otherwise one client cannot have as many
        sender = client_key() if environment.rate_limits else None
        own = analyses.count_waiting_of(client(), sender)
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
    if sign_in := sign_in_id():
        return _keyed_hash(f"sign-in {sign_in}")
    if is_from_this_machine():
        return THIS_MACHINE
    network = ""
    if address := remote_address():
        network = str(ipaddress.ip_network((address, 64 if address.version == 6 else 32), strict=False))
    return _keyed_hash(network)


def _keyed_hash(text: str) -> str:
    secret = cast(str | bytes, current_app.secret_key)
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.digest(key, text.encode(), "sha256").hex()[:32]
