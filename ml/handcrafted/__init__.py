"""Hand-crafted features: what sound was described by before networks learnt to, every number of it nameable.

A song becomes frames every 512 samples (`series`), from one spectrum that all descriptors share (`spectrum`), and a row
of means and variances of any stretch of it (`describe`). Training and serving call the same function.
"""

from ml.handcrafted.describe import NAMES, Description, listen

__all__ = ["NAMES", "Description", "listen"]
