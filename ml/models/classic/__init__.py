"""Classic genre models, for comparison with the shipped one. Each can be used in its place.

`feature_inputs` and `network_inputs` compute the input of a model, in training and in use. `scikit` and `networks` are
the two families, and `serving` opens any weight file for the pipeline. `ml.train.classic` trains them.
"""
