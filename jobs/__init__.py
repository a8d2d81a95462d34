"""Runs: one analysis, somewhere, with limits. For now here, in this process, one file after another."""
