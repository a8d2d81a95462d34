"""From a dropped song to its result page in a real Chromium, and page times while analyses keep both cores busy.

Needs a Chromium (`python -m tests.browser.chromium` installs one) and the packages of the tests. A song's time starts
when the browser is given the file and ends when its page shows images and similar tracks. A page's time is that of
single requests on the loopback network.
"""

from __future__ import annotations

import asyncio
import http.client
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.analyse import write_song
from benchmarks.load.clients import post, send
from benchmarks.load.service import Service, serve
from benchmarks.page import Row

TIMES = 9
REQUESTS = 200
PAGES = ("result", "/library", "/library?genre=jazz&sort=tempo", "/library/1")


def run() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for seconds in (30, 240):
            write_song(home / f"{seconds}.mp3", seconds=seconds)
        with serve(home / "var") as service:
            result = ""
            for seconds, aim in ((30, "1.5 s"), (240, "2.5 s")):
                seconds_taken, result = _upload_in_browser(service, home / f"{seconds}.mp3")
                yield (
                    f"{seconds} s MP3, dropped to rendered, median",
                    f"{statistics.median(seconds_taken):.2f} s",
                    aim,
                )
            for page in PAGES:
                path = result if page == "result" else page
                yield f"{page}: median, without other load", _ms(_request_times(service, path), 50), "20 ms"
            yield from _during_analyses(service, home / "240.mp3", result)


def _upload_in_browser(service: Service, song: Path) -> tuple[list[float], str]:
    """Seconds of each upload, and the path of the last page. The copies differ in a byte, so that each is analysed."""
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


def _during_analyses(service: Service, song: Path, result: str) -> Iterator[Row]:
    """Request times while a queue of long songs keeps the cores busy."""
    stop = threading.Event()
    feeder = threading.Thread(target=_feed, args=(service, song, stop))
    feeder.start()
    try:
        time.sleep(2)
        for page in PAGES:
            times = _request_times(service, result if page == "result" else page)
            yield f"{page}: 95th percentile during analyses", _ms(times, 95), "150 ms"
    finally:
        stop.set()
        feeder.join()


def _feed(service: Service, song: Path, stop: threading.Event) -> None:
    """Upload songs as fast as they are analysed."""
    audio, number = song.read_bytes(), 0
    while not stop.is_set():
        if service.states().get("queued", 0) < 3:
            number += 1
            asyncio.run(send(service.port, post(audio + b"\0" * number)))
        time.sleep(0.05)


def _request_times(service: Service, path: str) -> list[float]:
    """Seconds of each of many requests for a page, after ten that do not count."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    took = []
    for _ in range(REQUESTS + 10):
        began = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        took.append(time.perf_counter() - began)
        if response.status != 200:
            raise RuntimeError(f"{path} answers with status {response.status}")
    connection.close()
    return took[10:]


def _ms(seconds: list[float], percentile: int) -> str:
    return f"{1000 * statistics.quantiles(seconds, n=100)[percentile - 1]:.1f} ms"
