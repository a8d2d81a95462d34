"""The folders of the program. The only module that derives them from its own path."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEIGHT_FOLDER = ROOT / "weight"
TRANSLATIONS_FOLDER = ROOT / "translations"
DOCS_FOLDER = ROOT / "docs"
REFERENCE_FILE = ROOT / "Data" / "reference.npz"
DEFAULT_HOME = ROOT / "var"
