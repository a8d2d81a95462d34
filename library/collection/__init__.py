"""The user's files: folder scans, moved files, tags, exports, and links to the reference catalogue."""
