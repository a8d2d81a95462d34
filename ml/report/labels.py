"""Genre labels as people write them. Reports, files and the API keep the label itself."""

from __future__ import annotations

NAMES = {"hiphop": "hip-hop"}


def display_name(label: str) -> str:
    return NAMES.get(label, label)
