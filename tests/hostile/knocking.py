"""Hostile requests to a running server: each is answered in one sentence, and the server stays as it was."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.hostile.case import spread
from tests.hostile.forms import forms
from tests.hostile.hearing import Tally
from tests.hostile.house import House
from tests.hostile.lies import wav
from tests.hostile.names import names
from tests.hostile.transport import transports
from tests.hostile.wire import Answer, Knock, converse, request

HONEST = (503, 507)
"""What a server may say above 500: that it has no room. 501 and 505 are gunicorn's words on HTTP it does not speak."""
_PROTOCOL = (501, 505)
_SETTLE_SECONDS = 15.0
_PLANTED = re.compile(rb"<script>alert|<img src=x|[\x00-\x08\x0e-\x1f\x7f]|\xe2\x80\xae|\xe2\x81[\xa6-\xa9]")
"""What a file's name may not bring to a page: markup, control characters, marks that turn the direction."""


def knocks(count: int) -> list[Knock]:
    """About `count` conversations, each kind among them."""
    song = wav()
    spoilt = max(40, count // 4)
    return spread([*names(song), *forms(song, spoilt), *transports(song)], count)


def knock_all(house: House, some: Iterable[Knock], *, threads: int = 4) -> Tally:
    """All of them, a few at a time, and what they left behind."""
    tally, before = Tally(), house.belongings()
    processes, possessions = house.processes(), house.possessions()
    with ThreadPoolExecutor(threads) as pool:
        for knock, answer, wrong in pool.map(lambda knock: _ask(house, knock), some):
            said = "hung up" if answer is None else str(answer.status)
            tally.add(knock.family, knock.name, said, wrong, answer.seconds if answer else 0.0)
    if not house.is_alive():
        tally.wrongs.append("the server is gone")
    if lost := possessions - house.possessions():
        tally.wrongs.append(f"the home has lost {sorted(lost)}")
    tally.wrongs += _left_behind(house, before, processes)
    tally.wrongs += list(_complaints(house))
    return tally


def _ask(house: House, knock: Knock) -> tuple[Knock, Answer | None, str | None]:
    try:
        answer = converse(house.port, knock)
    except OSError as error:
        return knock, None, f"no answer: {error}"
    return knock, answer, wrong_with(knock, answer, house.port)


def wrong_with(knock: Knock, answer: Answer | None, port: int) -> str | None:
    """Why this is no clean answer; None where it is one."""
    if answer is None:
        return None if knock.silent else "hung up without an answer"
    if (
        answer.status >= 500
        and answer.status not in HONEST
        and not (answer.status in _PROTOCOL and knock.silent)
    ):
        return f"answered {answer.status}: {answer.body[:100]!r}"
    if knock.expected and answer.status not in knock.expected:
        return f"answered {answer.status}, not {knock.expected}"
    if b"Traceback (most recent call last)" in answer.body:
        return "showed a traceback"
    if answer.status == 202:
        return _wrong_page(port, answer)
    if re.search(r"^X-(A|Other|After):", answer.head, re.MULTILINE):
        return "let a header be planted"
    return _wrong_words(answer) if answer.status >= 400 else None


def _wrong_page(port: int, accepted: Answer) -> str | None:
    """What was taken has a page, and its name is only words there."""
    page = converse(port, Knock("page", "", (request("GET", json.loads(accepted.body)["url"]),)))
    if page is None or page.status != 200:
        return f"its page cannot be had: {page}"
    planted = _PLANTED.search(page.body)
    return f"its page holds {planted[0]!r}" if planted else None


def _wrong_words(answer: Answer) -> str | None:
    """An error in JSON has a code and a sentence."""
    if "application/json" not in answer.head or not answer.body:
        return None
    try:
        error = json.loads(answer.body)["error"]
        told = bool(error["code"]) and error["message"].strip()[-1:] in (".", "?", "!", "요")
    except (ValueError, KeyError, TypeError):
        return f"its words are no error: {answer.body[:100]!r}"
    return None if told else f"its words are no sentence: {answer.body[:100]!r}"


def _left_behind(house: House, before: list[str], processes: int) -> Iterator[str]:
    """The server may take a moment to see that somebody hung up."""
    late = time.monotonic() + _SETTLE_SECONDS
    while (after := house.belongings()) != before and time.monotonic() < late:
        time.sleep(0.2)
    extra = list(after)
    for name in before:
        if name in extra:
            extra.remove(name)
    # The pool keeps the connections to the database that it has needed, as many as it may.
    extra = [name for name in extra if "library.db" not in name]
    if extra:
        yield f"left behind: {extra[:20]}"
    if house.processes() != processes:
        yield f"{house.processes()} processes instead of {processes}"


def _complaints(house: House) -> Iterator[str]:
    lines = house.log.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("Traceback (most recent call last)"):
            rest = (later for later in lines[number + 1 :] if not later.startswith(" "))
            yield f"a traceback in the log: {next(rest, '')[:200]}"
