"""What models learn from: labelled songs, splits, augmented copies, feature files, and the cache of slow results."""
