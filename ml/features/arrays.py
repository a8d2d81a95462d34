"""The array types of the repository, each under one name."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Reals = npt.NDArray[np.floating]
"""Of either precision."""
FloatArray = TypeVar("FloatArray", Floats, Doubles)
"""For functions that keep the precision of their argument."""
Complexes = npt.NDArray[np.complex64]
Integers = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]
"""Row or group numbers, as `np.argsort` and `np.unique` return them."""
Mask = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]
