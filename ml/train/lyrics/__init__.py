"""Training of the genre by words: tables of texts, splits by artist, TF-IDF, the network, and the fusion's weight."""
