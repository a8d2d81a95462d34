"""Classic genre models, for comparison with the shipped one. Each can be used in its place.

`scikit` and `networks` are the two families, with the same inputs in training and in use. `serving` opens any weight
file for the pipeline. `ml.train.classic` trains them.
"""
