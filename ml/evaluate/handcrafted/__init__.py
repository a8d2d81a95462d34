"""Our hand-crafted features compared with the published tables: `python -m ml.evaluate.handcrafted`."""
