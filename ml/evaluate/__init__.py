"""The proof: everything that Sori claims to hear, measured on one run and written down as it came out."""
