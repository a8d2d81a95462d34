"""docs/accuracy.md: genre, mood, tempo and key against the truth."""
