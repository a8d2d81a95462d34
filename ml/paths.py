"""Where the parts of the program lie. The only module that works this out from its own place."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEIGHT_FOLDER = ROOT / "weight"
TRANSLATIONS_FOLDER = ROOT / "translations"
DOCS_FOLDER = ROOT / "docs"
REFERENCE_FILE = ROOT / "Data" / "reference.npz"
DEFAULT_HOME = ROOT / "var"
