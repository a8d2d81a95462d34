"""A person's files: scans of folders, moved files, tags, exports, and links to the reference catalogue."""
