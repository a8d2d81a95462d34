"""Descriptors of a song: spectrogram, chromagram, onsets and others. Nothing here loads a model."""
