"""A real server in a home of its own, and a real Chromium that tells of every error on its console."""

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
                [sys.executable, "main.py", "serve"],
                cwd=ROOT,
                env=variables | settings,
                stdout=log,
                stderr=log,
            )
        late = time.monotonic() + START_SECONDS
        while time.monotonic() < late:
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
    started = Server(home)
    started.start()
    yield started
    started.stop()
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
        started = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield started
        started.close()


Open = Callable[..., Page]


def _complaint(page: Page, message: ConsoleMessage, meant: str) -> list[str]:
    if message.type not in ("error", "warning") or meant in message.text:
        return []
    return [f"{page.url}: {message.text}"]


def wait_until(true: Callable[[], bool], seconds: float = 15.0) -> None:
    """Playwright's own waiting evaluates text as a program, which our pages forbid."""
    late = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < late, "it did not come true in time"
        time.sleep(0.05)


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Open]:
    """`open_page("/library", locale="ko")`: a page in a fresh profile. Errors and refused content fail the test.

    `meant` is a part of the complaint that the browser makes of an answer which the test brings about.
    """
    contexts, wrongs = [], []

    def open_(path: str = "/", *, meant: str = "nothing is meant", **settings: Any) -> Page:
        settings = {"viewport": DESKTOP, "locale": "en-GB", "base_url": server.address} | settings
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrongs.append(f"{page.url}: {error}"))
        page.on("console", lambda message: wrongs.extend(_complaint(page, message, meant)))
        page.on(
            "request",
            lambda request: (
                wrongs.append(f"{page.url} asks {request.url}")
                if not re.match(rf"{server.address}|blob:|data:", request.url)
                else None
            ),
        )
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrongs == []


@pytest.fixture
def keep_picture(request: pytest.FixtureRequest) -> Callable[[Page, str], Path]:
    """Screenshots stay in `test-artefacts/` after the run."""

    def shoot(page: Page, name: str) -> Path:
        path = ARTEFACTS / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        page.screenshot(path=path, full_page=True)
        return path

    return shoot
