"""Killed processes, full disks, wrong clocks, locked databases: after each, no song is lost, analysed twice or stuck.

`python -m tests.faults --kills 200` kills that many times; `test_kills.py` does it a few times with the suite.
"""
