"""Killed processes, full disks, wrong clocks, lost databases: after each, no song is lost, analysed twice or stuck.

`python -m tests.faults` does this 300 times; `test_kills.py` and `test_other_faults.py` a few times with the suite.
"""
