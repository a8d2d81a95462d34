"""Tempo and key, fitted to annotated clips: `python -m ml.tuning`. Nothing here runs while a song is heard."""
