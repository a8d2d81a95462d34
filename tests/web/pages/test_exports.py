"""Downloads are well-formed whatever the titles hold, and harmless in the programs that open them."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ml.report.schema import Neighbour, Neighbours, Report
from tests.fakes import a_report
from web.pages.exports import one_line, to_csv, to_playlist

HOSTILE = ("=1+1", "+x", "-x", "@SUM(A1)", "\t=1", "\n=1", " =1", "＝1", 'a","b', "a\r\nb", "<b>&\x00\ud800\u2028]]>")


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_json_download_is_the_report(browser: FlaskClient, heard: Callable[..., str]) -> None:
    with browser.get(f"/a/{heard()}/report.json") as response:
        assert response.mimetype == "application/json"
        assert Report.from_dict(json.loads(response.data)) == a_report()
        assert response.headers["Content-Disposition"].startswith("attachment")


def test_csv_has_one_value_per_line(browser: FlaskClient, heard: Callable[..., str]) -> None:
    with browser.get(f"/a/{heard()}/report.csv") as response:
        text = response.data.decode("utf-8")
    assert text[0] == "\ufeff" and response.mimetype == "text/csv"
    lines = read(text[1:])
    assert lines[0] == ["part", "start", "end", "name", "value"]
    assert ["genre", "0.0", "228.0", "reggae", "0.62"] in lines
    assert ["timeline", "3.0", "6.0", "hiphop", "0.3"] in lines
    assert {len(line) for line in lines} == {5}


@pytest.mark.parametrize("title", HOSTILE)
def test_titles_become_neither_formulas_nor_lines_of_the_csv(title: str) -> None:
    report = a_report(title=title, artist=title, labels=(title, "b", "c"))
    lines = read(to_csv(report))
    assert len(lines) == len(read(to_csv(a_report())))
    assert not [text for line in lines for text in line if text.lstrip().startswith(("=", "+", "-", "@", "＝"))]


@pytest.mark.parametrize("title", HOSTILE)
def test_chart_is_valid_svg_for_any_title(browser: FlaskClient, heard: Callable[..., str], title: str) -> None:
    analysis_id = heard(a_report(title=title, artist=title, labels=(title, "b", "c")))
    with browser.get(f"/a/{analysis_id}/chart.svg") as response:
        root = ElementTree.fromstring(response.data)  # noqa: S314 - made by Sori
        assert response.mimetype == "image/svg+xml"
    assert root.tag.endswith("svg") and not root.findall(".//{*}b")
    assert len(root.findall(".//{*}rect")) == 1 + 2 * 3


@pytest.mark.parametrize("title", HOSTILE)
def test_titles_do_not_add_lines_to_a_playlist(title: str) -> None:
    near = [Neighbour("1", title, title, None, 0.1, "/library/1/audio"), Neighbour("2", "b", None, None, 0.2)]
    lines = to_playlist(near, "http://host:8000/").splitlines()
    assert lines[0] == "#EXTM3U" and lines[1].startswith("#EXTINF:-1,")
    assert lines[2:] == ["http://host:8000/library/1/audio"]


def test_playlist_has_each_playable_track_once(
    browser: FlaskClient, heard: Callable[..., str], a_track: Callable[..., int]
) -> None:
    first, second = a_track("there.wav"), a_track("other.wav")
    near = tuple(
        Neighbour(str(track_id), f"T{track_id}", None, None, 0.1) for track_id in (first, second, a_track(None))
    )
    analysis_id = heard(replace(a_report(), neighbours=Neighbours(near, near)))
    with browser.get(f"/a/{analysis_id}/neighbours.m3u8") as response:
        lines = response.text.splitlines()
    assert lines == [
        "#EXTM3U",
        f"#EXTINF:-1,T{first}",
        f"http://localhost/library/{first}/audio",
        f"#EXTINF:-1,T{second}",
        f"http://localhost/library/{second}/audio",
    ]


def test_downloads_of_an_unfinished_analysis_are_not_found(browser: FlaskClient, song: Path) -> None:
    analysis_id = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")}).json["id"]
    for name in ("report.json", "report.csv", "neighbours.m3u8", "chart.svg"):
        assert browser.get(f"/a/{analysis_id}/{name}").status_code == 404


def test_one_line_removes_line_breaks() -> None:
    assert one_line("a\r\n\x00b\u2028c") == "a b c"
