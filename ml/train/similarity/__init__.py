"""The projections behind similar songs, learnt from recordings cut in two."""
