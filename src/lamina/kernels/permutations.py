"""Random orders of rows: each place's rank is a hash of it and of the order's key, and rows are sorted by rank.

Not traced: NumPy's arrays in and out. The native form (native/permutations.cc) sorts by counting, on all cores, and
gives what the NumPy form gives.
"""

from __future__ import annotations

import ctypes

import numpy as np

from lamina.kernels import native
from lamina.kernels.random_bits import hashed

AT_ONCE = 1 << 18  # numbers that NumPy sorts together: what lies between takes four times their memory
_ARGUMENTS = (
    ctypes.c_void_p,  # rows, and how many
    ctypes.c_int64,
    ctypes.c_void_p,  # the orders' keys, and how many
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_void_p,  # the rows in each order
    ctypes.c_int64,  # threads
)


def permuted(rows: np.ndarray, first: np.ndarray, second: np.ndarray, threads: int = 1) -> np.ndarray:
    """The rows [n], int32, in the order of each key [orders], two words of uint32: [orders, n].

    Ranks are the bits of :func:`lamina.kernels.random_bits.random_bits`: within an order no number comes twice.

    >>> keys = np.arange(2, dtype=np.uint32)
    >>> np.sort(permuted(np.array([3, 5, 8], np.int32), keys, keys)).tolist()
    [[3, 5, 8], [3, 5, 8]]
    """
    rows = np.ascontiguousarray(rows, np.int32)
    keys = np.ascontiguousarray((first, second), np.uint32)
    found = np.empty((keys.shape[1], len(rows)), np.int32)
    if native.usable():
        _by_counting(rows, keys, found, threads)
    else:
        _by_sorting(rows, keys, found)
    return found


def _by_counting(rows: np.ndarray, keys: np.ndarray, found: np.ndarray, threads: int) -> None:
    function = native.function("permutations", _ARGUMENTS)
    first, second = (key.ctypes.data for key in keys)
    if function(rows.ctypes.data, len(rows), first, second, len(found), found.ctypes.data, threads):
        raise MemoryError(f"There is no memory for an order of {len(rows)} rows.")


def _by_sorting(rows: np.ndarray, keys: np.ndarray, found: np.ndarray) -> None:
    places = np.arange(len(rows), dtype=np.uint64)
    together = max(1, AT_ONCE // max(1, len(rows)))
    for at in range(0, len(found), together):
        first, second = keys[:, at : at + together, None]
        ranks = hashed(places.astype(np.uint32), first, second)
        # A rank and its place as one number: sorting numbers is many times as fast as asking where they came from.
        both = ranks.astype(np.uint64) << np.uint64(32) | places
        both.sort(axis=1)
        both &= np.uint64(0xFFFFFFFF)
        found[at : at + together] = rows.take(both.view(np.int64))
