"""From a dropped song to its page in a real Chromium, and what the server takes for a page while both cores hear.

Needs a Chromium (`python -m tests.browser.chromium` installs one) and the packages of the tests. A song's time runs
from the moment the browser is given the file until its page stands there with pictures and neighbours. A page's time is
what its requests take on this machine's own network, one after the other.
"""

from __future__ import annotations

import http.client
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.analyse import write_song
from benchmarks.load.service import Service, serve

Row = tuple[str, str, str]

TIMES = 9
ASKED = 200
PAGES = ("result", "/library", "/library?genre=jazz&sort=tempo", "/library/1")


def run() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for seconds in (30, 240):
            write_song(home / f"{seconds}.mp3", seconds=seconds)
        with serve(home / "var") as service:
            result = ""
            for seconds, aim in ((30, "1.5 s"), (240, "2.5 s")):
                took, result = _in_a_browser(service, home / f"{seconds}.mp3")
                yield f"{seconds} s MP3, dropped to rendered, median", f"{statistics.median(took):.2f} s", aim
            for page in PAGES:
                path = result if page == "result" else page
                yield f"{page}: median, nothing else going on", _ms(_ask(service, path), 50), "20 ms"
            yield from _while_songs_are_heard(service, home / "240.mp3", result)


def _in_a_browser(service: Service, song: Path) -> tuple[list[float], str]:
    """Seconds of each time, and the address of the last page. Every copy differs by a byte, so that each is heard."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import ARGUMENTS, find

    took = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=list(ARGUMENTS))
        page = browser.new_page(base_url=f"http://127.0.0.1:{service.port}")
        for number in range(TIMES):
            copy = song.with_name(f"{song.stem}-{number}.mp3")
            shutil.copy(song, copy)
            with copy.open("ab") as file:
                file.write(bytes(number + 1))
            page.goto("/")
            began = time.perf_counter()
            page.set_input_files("#file", copy)
            page.wait_for_selector(".neighbour", timeout=60_000)
            page.wait_for_load_state("load")
            took.append(time.perf_counter() - began)
        address = page.url.removeprefix(f"http://127.0.0.1:{service.port}")
        browser.close()
    return took, address


def _while_songs_are_heard(service: Service, song: Path, result: str) -> Iterator[Row]:
    """Requests while a queue of long songs keeps the cores busy."""
    over = threading.Event()
    feeder = threading.Thread(target=_feed, args=(service, song, over))
    feeder.start()
    try:
        time.sleep(2)
        for page in PAGES:
            times = _ask(service, result if page == "result" else page)
            yield f"{page}: 95th percentile while songs are heard", _ms(times, 95), "150 ms"
    finally:
        over.set()
        feeder.join()


def _feed(service: Service, song: Path, over: threading.Event) -> None:
    """Hand songs in as fast as they are heard."""
    sound, number = song.read_bytes(), 0
    while not over.is_set():
        if service.states().get("queued", 0) < 3:
            number += 1
            _hand_in(service, sound + b"\0" * number)
        time.sleep(0.05)


def _hand_in(service: Service, sound: bytes) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'
        + sound
        + b"\r\n--b--\r\n"
    )
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    line.request("POST", "/api/v1/analyses", body, {"Content-Type": "multipart/form-data; boundary=b"})
    line.getresponse().read()
    line.close()


def _ask(service: Service, path: str) -> list[float]:
    """Seconds of each of many requests for a page, after a few that are not counted."""
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    took = []
    for _ in range(ASKED + 10):
        began = time.perf_counter()
        line.request("GET", path)
        answer = line.getresponse()
        answer.read()
        took.append(time.perf_counter() - began)
        if answer.status != 200:
            raise RuntimeError(f"{path} answers {answer.status}")
    line.close()
    return took[10:]


def _ms(seconds: list[float], percentile: int) -> str:
    return f"{1000 * statistics.quantiles(seconds, n=100)[percentile - 1]:.1f} ms"
