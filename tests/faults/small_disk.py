"""`python -m tests.faults.small_disk bytes|files`: the disk becomes full while songs are analysed, in a namespace.

`test_a_full_disk` runs it. It ends with an error where something was lost.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

from environment import Environment
from jobs.engine import Engine
from jobs.local import ProcessPool
from jobs.queue.analyses import DONE, FAILED, QUEUED, RUNNING, Analyses
from jobs.upload_analysis import UploadTask, analyse_upload
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.progress import ProgressCallback
from tests.fakes import FakePipeline
from tests.faults import fillers
from tests.faults.namespace import small_disk
from tests.faults.test_faults import MODEL, upload
from web.app import create_app
from web.context import NAME

FILL = {"bytes": fillers.fill_bytes, "files": fillers.fill_files}
MARK = "filled"
SONGS = 5


class FillingPipeline(FakePipeline):
    """The first song fills the disk while it is analysed, so that its results cannot be written."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        super().begin(source, name, on_progress)
        disk = source.parents[3]
        if not (disk / MARK).exists():
            (disk / MARK).write_text(source.parent.name)
            FILL[sys.argv[1]](disk)


def run(disk: Path) -> None:
    app = create_app(Environment(home=disk / "var", min_free_mb=0))
    analyses: Analyses = app.extensions[NAME].analyses
    client, late = app.test_client(), time.monotonic() + 120
    accepted = [upload(client, b"%d" % number)[1] for number in range(SONGS)]
    turns = 0

    def is_ended() -> bool:
        """Frees the disk some turns of the engine after it was filled."""
        nonlocal turns
        if (disk / MARK).exists() and not (turns := turns + 1) % 20:
            fillers.empty(disk)
        elif turns == 5:
            check_full()
        return analyses.count(QUEUED) + analyses.count(RUNNING) == 0 or time.monotonic() > late

    def check_full() -> None:
        health = client.get("/healthz").get_json()
        assert "disk_low" in health["problems"], health
        refused = upload(client, b"too late")
        assert refused[0] in (503, 507), refused
        page = client.get(f"/a/{(disk / MARK).read_text()}")
        assert page.status_code == 200, page.status
        assert list(analyses.incoming.iterdir()) == []
        assert sorted(path.name for path in analyses.root.iterdir()) == sorted(accepted)

    with ProcessPool[UploadTask](1, FillingPipeline, partial(analyse_upload, limits=DEFAULT_LIMITS)) as pool:
        Engine(analyses, pool, MODEL).run(is_ended)
    assert turns > 20, "the disk was not filled"
    for one in accepted:
        found = analyses.get(one)
        assert found is not None and found.state != FAILED, found and (found.failure_code, found.failure)
        assert (found.state, found.tries) == (DONE, 1), (found.state, found.tries)
    app.extensions[NAME].catalogue.close()


if __name__ == "__main__":
    with small_disk(megabytes=40, files=200) as mounted:
        run(mounted)
