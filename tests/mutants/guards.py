"""Every guard whose test is proven."""

from __future__ import annotations

from tests.mutants import bodies, formats, library, limits, lyrics, privacy, requests, song_files, songs, storage

MODULES = (requests, bodies, limits, privacy, songs, formats, storage, song_files, library, lyrics)
GUARDS = tuple(guard for module in MODULES for guard in module.GUARDS)
