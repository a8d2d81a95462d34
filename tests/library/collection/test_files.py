from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from library.collection.files import walk
from ml.report.errors import DeniedError

NOBODY = 65534


@contextmanager
def somebody() -> Iterator[None]:
    """As a user to whom permissions apply, even where the tests run as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_that_may_not_be_read_is_named_and_the_others_are_walked() -> None:
    with tempfile.TemporaryDirectory() as name:
        music = Path(name)
        music.chmod(0o755)
        for folder in ("closed", "open"):
            (music / folder).mkdir(mode=0o755)
            (music / folder / "song.wav").touch()
        (music / "closed").chmod(0)
        with somebody():
            found = list(walk([music]))
        (music / "closed").chmod(0o755)
    refused = [item for item in found if isinstance(item, tuple)]
    heard = [item for item in found if not isinstance(item, tuple)]
    assert [(path.name, type(error)) for path, error in refused] == [("closed", DeniedError)]
    assert [file.path.parent.name for file in heard] == ["open"]
