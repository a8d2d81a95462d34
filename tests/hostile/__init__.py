"""Thousands of hostile files and requests, generated from seeds: each gets a clean answer and leaves nothing behind.

`python -m tests.hostile` runs them all; `test_hostile.py` runs a part of them with the suite.
"""
