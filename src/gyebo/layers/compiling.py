"""How kernels are compiled by numba, and the exponential function that they share.  Importing this file needs numba, of the extra `fast`.

Compiled code is kept beside the source, or in numba's cache folder where that cannot be written, so only a first use waits for it.
Kernels let other threads of Python run meanwhile, and are written with loops alone: those compile soonest.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["exponential", "kernel"]

ANY_ORDER = {"reassoc", "contract", "nsz", "arcp"}
"""sums may be taken in any order, which vectors need; nothing else is relaxed, so what is not a number stays none"""

kernel = njit(cache=True, nogil=True, fastmath=ANY_ORDER, error_model="numpy")

LOG2_E, LN_2_HIGH, LN_2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
SMALLEST = np.float32(-87)
"""e to this is just above the smallest float32; what is below counts as this"""


@kernel
def exponential(x):
    """e^x = 2^n e^r, n = x / ln 2 rounded, for float32 x <= 0; a polynomial of Cephes' expf, which vectors can compute."""
    x = SMALLEST if x < SMALLEST else x
    n = np.floor(x * LOG2_E + np.float32(0.5))
    r = x - n * LN_2_HIGH - n * LN_2_LOW
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    exponent = np.int32(n if n >= np.float32(-126) else np.float32(-126))  # what is not a number is so by r
    power = np.int32((exponent + 127) << 23).view(np.float32)
    return (p * r * r + r + np.float32(1)) * power
