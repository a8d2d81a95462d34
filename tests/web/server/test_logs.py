"""A log has one line per request, whatever a client sends."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest
from flask import Flask

from web.server.logs import Lines

ID = "X-Request-ID"


@pytest.mark.parametrize("value", ["a b", 'a"b', "a\nlevel=error", "\x1b[31mred", "a\u2028b"])
def test_a_value_is_one_word_of_its_line(value: str) -> None:
    record = logging.LogRecord("web", logging.INFO, "", 0, "request", (), None)
    record.facts = {"route": value, "status": 200}
    record.message = "request"
    line = Lines("web").formatMessage(record)
    assert re.fullmatch(r'time=\S+ level=info part=web route="[^\x00-\x1f\u2028]+" status=200', line)


def test_a_request_id_counts_only_from_a_proxy(make: Callable[..., Flask]) -> None:
    given = {ID: "of-a-proxy.1"}
    assert make(proxies=1).test_client().get("/healthz", headers=given).headers[ID] == given[ID]
    assert make().test_client().get("/healthz", headers=given).headers[ID] != given[ID]


@pytest.mark.parametrize("value", ["short", "x" * 65, "with space", 'quote"quote', "semicolon;=1"])
def test_a_request_id_has_a_form(make: Callable[..., Flask], value: str) -> None:
    answer = make(proxies=1).test_client().get("/healthz", headers={ID: value})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers[ID])
