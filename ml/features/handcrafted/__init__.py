"""Hand-crafted features: named numbers from one short-time spectrum, as classic genre models use them.

Frames lie 512 samples apart (`series`), every descriptor reads the same spectrum (`spectrum`), and a stretch of sound
becomes a row of means and variances (`extraction`). Training and serving call the same function.
"""
