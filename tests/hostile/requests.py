"""Sends hostile requests to a running server: each gets a clean answer, and the server keeps no trace of them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.hostile.case import spread
from tests.hostile.decoding import Tally
from tests.hostile.false_headers import wav
from tests.hostile.file_names import names
from tests.hostile.multipart import forms
from tests.hostile.raw_http import Answer, Exchange, request, send_exchange, song_part, upload
from tests.hostile.server import Server
from tests.hostile.transport import transports

NO_CAPACITY = (503, 507)
"""Statuses from 500 on that are allowed: the server has no room."""
_PROTOCOL = (501, 505)
"""gunicorn's answers to HTTP that it does not support."""
_SETTLE_SECONDS = 15.0
_INJECTED = re.compile(rb"<script>alert|<img src=x|[\x00-\x08\x0e-\x1f\x7f]|\xe2\x80\xae|\xe2\x81[\xa6-\xa9]")
"""What a file name must not bring into a page: markup, control characters, marks that change the text direction."""


def hostile_requests(count: int) -> list[Exchange]:
    """About `count` exchanges, some of each kind."""
    song = wav()
    corrupted = max(40, count // 4)
    return spread([*names(song), *forms(song, corrupted), *transports(song)], count)


def send_all(server: Server, exchanges: Iterable[Exchange], *, threads: int = 4) -> Tally:
    """Send all of them, a few at a time, then look for what they left behind."""
    # The first upload starts the process that detects formats, and it stays.
    send_exchange(server.port, Exchange("warm-up", "", (upload(song_part(b"text")),)))
    tally, before = Tally(), server.open_resources()
    processes, home_entries = server.processes(), server.home_entries()
    with ThreadPoolExecutor(threads) as pool:
        for exchange, answer, problem in pool.map(lambda exchange: _send(server, exchange), exchanges):
            text = "hung up" if answer is None else str(answer.status)
            tally.add(exchange.family, exchange.name, text, problem, answer.seconds if answer else 0.0)
    if not server.is_alive():
        tally.problems.append("the server is gone")
    if lost := home_entries - server.home_entries():
        tally.problems.append(f"the home has lost {sorted(lost)}")
    tally.problems += _left_behind(server, before, processes)
    tally.problems += list(_tracebacks(server))
    return tally


def _send(server: Server, exchange: Exchange) -> tuple[Exchange, Answer | None, str | None]:
    try:
        answer = send_exchange(server.port, exchange)
    except OSError as error:
        return exchange, None, f"no answer: {error}"
    return exchange, answer, problem_with(exchange, answer, server.port)


def problem_with(exchange: Exchange, answer: Answer | None, port: int) -> str | None:
    """Why this is not a clean answer; None if it is one."""
    if answer is None:
        return None if exchange.may_be_unanswered else "hung up without an answer"
    if (
        answer.status >= 500
        and answer.status not in NO_CAPACITY
        and not (answer.status in _PROTOCOL and exchange.may_be_unanswered)
    ):
        return f"answered {answer.status}: {answer.body[:100]!r}"
    if exchange.expected and answer.status not in exchange.expected:
        return f"answered {answer.status}, not {exchange.expected}"
    if b"Traceback (most recent call last)" in answer.body:
        return "showed a traceback"
    if answer.status == 202:
        return _problem_of_page(port, answer)
    if re.search(r"^X-(A|Other|After):", answer.head, re.MULTILINE):
        return "allowed a header injection"
    return _problem_of_error(answer) if answer.status >= 400 else None


def _problem_of_page(port: int, accepted: Answer) -> str | None:
    """An accepted upload has a page, which shows its name as plain text."""
    page = send_exchange(port, Exchange("page", "", (request("GET", json.loads(accepted.body)["url"]),)))
    if page is None or page.status != 200:
        return f"its page is not available: {page}"
    injected = _INJECTED.search(page.body)
    return f"its page holds {injected[0]!r}" if injected else None


def _problem_of_error(answer: Answer) -> str | None:
    """An error in JSON has a code and a sentence."""
    if "application/json" not in answer.head or not answer.body:
        return None
    try:
        error = json.loads(answer.body)["error"]
        is_sentence = bool(error["code"]) and error["message"].strip()[-1:] in (".", "?", "!", "요")
    except (ValueError, KeyError, TypeError):
        return f"the body is not an error: {answer.body[:100]!r}"
    return None if is_sentence else f"the message is not a sentence: {answer.body[:100]!r}"


def _left_behind(server: Server, before: list[str], processes: int) -> Iterator[str]:
    """The server may need a moment to notice a closed connection."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while (after := server.open_resources()) != before and time.monotonic() < deadline:
        time.sleep(0.2)
    extra = list(after)
    for name in before:
        if name in extra:
            extra.remove(name)
    # The connection pool keeps its connections to the database.
    extra = [name for name in extra if "library.db" not in name]
    if extra:
        yield f"left behind: {extra[:20]}"
    if server.processes() != processes:
        yield f"{server.processes()} processes instead of {processes}"


def _tracebacks(server: Server) -> Iterator[str]:
    lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("Traceback (most recent call last)"):
            rest = (later for later in lines[number + 1 :] if not later.startswith(" "))
            yield f"a traceback in the log: {next(rest, '')[:200]}"
