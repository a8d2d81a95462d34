"""Processes killed, disks full, clocks wrong, databases away: after each, nothing is lost, doubled or stuck.

`python -m tests.faults --kills 200` kills as often as that; `test_kills.py` does it a few times with the suite.
"""
