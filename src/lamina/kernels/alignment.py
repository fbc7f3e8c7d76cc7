"""Where arrays begin in memory."""

from __future__ import annotations

import numpy as np


def aligned(array: np.ndarray) -> np.ndarray:
    """An array that begins at a line of the cache: the kernels read whole lines, and JAX reads it where it is, without
    a copy for each device of a CPU.

    >>> aligned(np.arange(3.0)[1:]).ctypes.data % 64
    0
    """
    if array.ctypes.data % 64 == 0 and array.flags.c_contiguous:
        return array
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    there = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    there[...] = array
    return there
