"""Training data: labelled songs, splits and folds, degraded copies, feature tables, and the cache of slow results."""
