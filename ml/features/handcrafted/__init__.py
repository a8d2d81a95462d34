"""Hand-crafted features, as classic genre models use them.

`spectrum` is the short-time spectrum that all of them share, `series` are their values per frame (512 samples), and
`extraction` reduces these to a row of means and variances. Training and serving call the same function.
"""
