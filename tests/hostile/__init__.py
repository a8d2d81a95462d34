"""Thousands of bad and odd inputs, made from a seed: each gets its clean answer, and nothing is left behind.

`python -m tests.hostile` runs them all; `test_hostile.py` runs a part of them with the suite.
"""
