"""The classic genre models: `python -m ml.train --model KIND`."""
