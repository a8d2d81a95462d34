"""Vectors that similar songs share: by harmony and by timbre, and the reasons two songs are alike. No database."""
