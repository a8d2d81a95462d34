"""The lab's models: every classic way to name a genre, served like the model that ships.

`prepared` and `pictures` make a model's input, the same in training and in use; `classical` and `networks` hold the two
families; `served` puts one of them behind the ear. What trains them is `ml.train.lab`.
"""

FEATURE_KINDS = ("logistic", "discriminant", "forest", "svm", "boost")
NETWORK_KINDS = ("cnn", "picture")
KINDS = (*FEATURE_KINDS, *NETWORK_KINDS)
"""The kinds of model that a card may name, beside `transfer`, which is what ships."""
