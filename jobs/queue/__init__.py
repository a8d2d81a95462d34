"""Waiting and running analyses as rows: leases, limits, statistics, listeners' answers."""
