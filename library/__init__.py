"""The user's tracks: tables, similar tracks, and the files they come from."""
