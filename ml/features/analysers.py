"""Optional analysers: each looks at the song and may add one `Finding` to the report.

To add one: write a module with `find(track) -> Finding | None`, name it in ANALYSERS, and write its test. The texts are
English sentences that `ml.report.translation` translates; an analyser that has nothing to say returns None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ml.features import dynamics
from ml.features.track import Track
from ml.report.schema import Finding

ANALYSERS: Mapping[str, Callable[[Track], Finding | None]] = {
    "dynamics": dynamics.find,
}


def findings(track: Track) -> tuple[Finding, ...]:
    """What the analysers found, in the order in which they stand."""
    found = (find(track) for find in ANALYSERS.values())
    return tuple(finding for finding in found if finding is not None)
