"""Runs analyses: the queue of uploads, folder scans, and the processes that do the work."""
