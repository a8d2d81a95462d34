"""The files of uploads, by the id of their analysis: the song and what its analysis adds, in the home or elsewhere."""
