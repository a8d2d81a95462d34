"""Talks: pages, the HTTP interface and uploads. Nothing here yet.

Whatever comes imports no numpy, librosa, Keras or TensorFlow, so that a web process starts in a blink and
never holds a model: `tests/test_imports.py` keeps it so.
"""
