"""What is measured in a song: spectrogram, chromagram, onsets and what follows. Nothing here loads a model."""
