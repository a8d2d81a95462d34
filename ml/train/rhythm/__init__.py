"""Tempo and key, fitted to annotated clips: `python -m ml.train.rhythm`."""
