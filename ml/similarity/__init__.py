"""Similarity of songs: harmony and sound vectors, and reasons why two songs are similar. No database."""
