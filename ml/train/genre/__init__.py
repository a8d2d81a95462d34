"""The genre model: `python -m ml.train`."""
