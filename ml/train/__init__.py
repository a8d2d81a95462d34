"""Training: `python -m ml.train`. From labelled music to a weight file and its card."""
