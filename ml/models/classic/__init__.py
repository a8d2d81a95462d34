"""Classic genre models, to compare with the one that ships. Each can serve in its place.

`feature_inputs` and `network_inputs` make the input of a model, in training and in use. `scikit` and `networks` hold
the two families, and `serving` opens any weight file for the pipeline. `ml.train.classic` trains them.
"""
