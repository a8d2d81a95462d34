"""Measures every claim that Sori makes, and writes the pages of figures: `python -m ml.evaluate`."""
