"""Remembers: tracks, their descriptors, their neighbours. Nothing yet; the package holds the place."""
