"""`python -m ml.audio.sniff_server`: reads one path per line on standard input, and answers each with its file's kind.

The web process asks it instead of parsing strangers' files itself. It ends when standard input does. Paths and answers
are JSON, in which every file name fits on one line.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from typing import Any

from ml.audio.sniff import Kind, sniff
from ml.report import errors

_MEMORY_BYTES = 512 * 1024**2
"""Address space: fifty times what it takes. Whatever goes wrong, the web process and the system keep their memory."""


def answer(line: str) -> str:
    """The line that answers this one."""
    return json.dumps(_identify(json.loads(line).encode("latin-1")))


def _identify(path: bytes) -> dict[str, Any]:
    """The fields of the `Kind`, or the reason why the file cannot be read."""
    try:
        # Without O_NONBLOCK, a pipe that took the file's place would be waited for.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return {"reason": "not a file"}
            kind = sniff(file)
    except (OSError, ValueError) as error:
        return {"reason": getattr(error, "strerror", None) or str(error)}
    return {
        "format": kind.format,
        "reader": kind.reader,
        "refusal": kind.refusal.__name__,
        "start": kind.start,
        "demuxer": kind.demuxer,
    }


def question(path: os.PathLike[str]) -> bytes:
    """The line that asks for the kind of this file. Latin-1 has a letter for every byte of a path."""
    return json.dumps(os.fsencode(path).decode("latin-1")).encode() + b"\n"


def parse_answer(line: bytes) -> Kind:
    """The `Kind` in an answer; raises a `ReadError` in place of one."""
    fields = json.loads(line)
    if "reason" in fields:
        raise errors.ReadError(reason=fields["reason"])
    return Kind(**fields | {"refusal": getattr(errors, fields["refusal"])})


def main() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, KeyboardInterrupt):  # the parent has ended
        for line in sys.stdin:
            sys.stdout.write(answer(line) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
