"""Measures the lyrics analyser."""
