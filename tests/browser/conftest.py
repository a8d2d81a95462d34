"""A real server with its own home, and a real Chromium whose console errors fail the tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from jobs.examples import make
from tests.browser.chromium import ARGUMENTS, find
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
ARTEFACTS = ROOT / "test-artefacts"
START_SECONDS = 60.0
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@dataclass
class Server:
    """`python main.py serve`, as a user starts it."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, **settings: str) -> None:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("SORI_")}
        variables |= {"SORI_HOME": str(self.home), "SORI_PORT": str(self.port), "SORI_RATE_LIMITS": "off"}
        log = (self.home / "server.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "main.py", "serve"], cwd=ROOT, env=variables | settings, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.address}/", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise TimeoutError((self.home / "server.log").read_text())

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    make(home)
    server = Server(home)
    server.start()
    yield server
    server.stop()
    log = ARTEFACTS / "server.log"
    log.parent.mkdir(exist_ok=True)
    shutil.copy(home / "server.log", log)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = find()
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium; `python -m tests.browser.chromium` says why")
        pytest.skip("no Chromium; `python -m tests.browser.chromium` installs one, or says why not")
    with sync_playwright() as playwright:
        chromium_browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield chromium_browser
        chromium_browser.close()


Open = Callable[..., Page]


def _console_errors(page: Page, message: ConsoleMessage, expected: str | None) -> list[str]:
    if message.type not in ("error", "warning") or (expected and expected in message.text):
        return []
    return [f"{page.url}: {message.text}"]


def wait_until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Playwright's `wait_for_function` evaluates strings, which the pages' security policy forbids."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.05)


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Open]:
    """`open_page("/library", locale="ko")`: a page in a fresh profile. Console errors and requests elsewhere fail it.

    `expected` is part of the one console error that the test provokes.
    """
    contexts, problems = [], []

    def open_(path: str = "/", *, expected: str | None = None, **settings: Any) -> Page:
        settings = {"viewport": DESKTOP, "locale": "en-GB", "base_url": server.address} | settings
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        page.on("console", lambda message: problems.extend(_console_errors(page, message, expected)))
        page.on(
            "request",
            lambda request: (
                problems.append(f"{page.url} requests {request.url}")
                if not re.match(rf"{server.address}|blob:|data:", request.url)
                else None
            ),
        )
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def keep_picture(request: pytest.FixtureRequest) -> Callable[[Page, str], Path]:
    """Save screenshots in `test-artefacts/`."""

    def shoot(page: Page, name: str) -> Path:
        path = ARTEFACTS / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        page.screenshot(path=path, full_page=True)
        return path

    return shoot


@pytest.fixture(scope="module")
def result(browser: Browser, server: Server) -> Iterator[str]:
    """The address of one result page."""
    context = browser.new_context(base_url=server.address)
    page = context.new_page()
    page.goto("/")
    page.locator(".examples button").first.click()
    page.wait_for_url(re.compile("/a/"))
    page.wait_for_selector("#player", timeout=60_000)
    yield page.url
    context.close()
