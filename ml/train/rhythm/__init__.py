"""Training of tempo and key on annotated clips: `python -m ml.train.rhythm`."""
