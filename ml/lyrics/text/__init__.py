"""From a text to genre probabilities: words and n-grams, TF-IDF, word vectors, a text encoder, and a network."""
