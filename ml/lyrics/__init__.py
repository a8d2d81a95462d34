"""The words of a song: where they come from, what is sung when, and the genre that they suggest. Optional."""
