"""The classic models, trained one by one or all of them: `python -m ml.train --model svm`."""
