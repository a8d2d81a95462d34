"""Similar tracks: the vectors in memory, the exact index, neighbours and playlists."""
