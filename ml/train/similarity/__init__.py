"""Training of the projections that similar songs are found by: `python -m ml.train.similarity`."""
