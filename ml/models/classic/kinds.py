"""The kinds of classic genre models."""

FEATURE_KINDS = ("logistic", "discriminant", "forest", "svm", "boost")
NETWORK_KINDS = ("cnn", "picture")
KINDS = (*FEATURE_KINDS, *NETWORK_KINDS)
"""The kinds of model that a card may name, beside `transfer`, which is what ships."""
