"""Models: weight files with their cards, the trunk, and the models of genre, mood, tempo and key."""
