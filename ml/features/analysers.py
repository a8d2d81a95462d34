"""Optional analysers: each may add one `Finding` to the report of a song.

To add one: write a module with `find(track) -> Finding | None`, name it in ANALYSERS, and write its test. The texts are
English sentences that `ml.report.translation` translates; an analyser without a finding returns None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ml.features import dynamics
from ml.features.track import Track
from ml.report.schema import Finding

ANALYSERS: Mapping[str, Callable[[Track], Finding | None]] = {"dynamics": dynamics.find}


def findings(track: Track) -> tuple[Finding, ...]:
    """The findings of all analysers, in the order of ANALYSERS."""
    return tuple(finding for find in ANALYSERS.values() if (finding := find(track)) is not None)
