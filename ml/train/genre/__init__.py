"""The head of the genre model: the trunk's outputs of every song, and the linear fit on them."""
