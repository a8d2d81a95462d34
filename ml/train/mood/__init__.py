"""The mood model: `python -m ml.train --task mood`."""
