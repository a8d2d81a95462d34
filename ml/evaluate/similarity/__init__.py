"""docs/neighbours.md: how often similar songs are found: `python -m ml.evaluate.similarity`."""
