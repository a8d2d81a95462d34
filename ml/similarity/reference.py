"""The file of the reference catalogue: reports and features of songs to compare with while a library is empty.

`python -m ml.train.reference` writes it; `library.collection.reference` installs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.paths import REFERENCE_FILE
from ml.report.schema import Report
from ml.similarity.vectors import make_vectors, projection_version


@dataclass(frozen=True)
class Entry:
    """A track of the reference catalogue. `source` names the data set that its features come from."""

    reference: str
    source: str
    report: Report
    chromagram: bytes
    trunk_output: bytes
    harmony: bytes
    sound: bytes


def write(entries: Sequence[Entry], features_version: str, path: Path) -> None:
    """One NPZ file without pickled objects: reports as JSON bytes, chromagrams concatenated, with their lengths."""
    rows = [{"reference": e.reference, "source": e.source, "report": e.report.to_dict()} for e in entries]
    facts = {"features_version": features_version, "vectors_version": projection_version(), "tracks": rows}
    arrays: dict[str, npt.NDArray[Any]] = {
        "facts": np.frombuffer(json.dumps(facts, ensure_ascii=False).encode(), np.uint8),
        "chromagrams": np.frombuffer(b"".join(entry.chromagram for entry in entries), np.uint8),
        "lengths": np.array([len(entry.chromagram) for entry in entries], np.int64),
    }
    for name, kind in (("trunk_output", np.uint8), ("harmony", "<f4"), ("sound", "<f4")):
        arrays[name] = np.stack([np.frombuffer(getattr(entry, name), kind) for entry in entries])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read(path: Path = REFERENCE_FILE) -> tuple[str, Iterator[Entry]]:
    """The features version, and the entries. Their vectors are recomputed where the projection has changed."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    facts = json.loads(arrays["facts"].tobytes())
    ends = np.cumsum(arrays["lengths"]).tolist()
    current = facts["vectors_version"] == projection_version()

    def entries() -> Iterator[Entry]:
        for number, (row, end) in enumerate(zip(facts["tracks"], ends, strict=True)):
            start = end - int(arrays["lengths"][number])
            chromagram = arrays["chromagrams"][start:end].tobytes()
            trunk_output = arrays["trunk_output"][number].tobytes()
            vectors = [arrays[name][number].astype("<f4").tobytes() for name in ("harmony", "sound")]
            harmony, sound = vectors if current else make_vectors(chromagram, trunk_output)
            report = Report.from_dict(row["report"])
            yield Entry(row["reference"], row["source"], report, chromagram, trunk_output, harmony, sound)

    return facts["features_version"], entries()
