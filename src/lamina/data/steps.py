"""The steps of series: brought into order, doubles made one, gaps and missing values filled by rule.

All functions take the rows of many series at once: ``codes`` [rows] says whose step a row is (0, 1, ...), ``times``
[rows] when it was, ``values`` [rows, channels] what was measured, NaN where nothing was.
"""

from __future__ import annotations

import numpy as np

ALIKE = 0.1  # of the regular step: so far differences may be from it, such as those of months
REGULAR = 0.5  # the share of differences that must be alike


def in_order(codes: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of rows by series and time, and which series had rows out of order, with how many.

    Gives row numbers [rows], and a count for each series [series].

    >>> order, late = in_order(np.array([0, 1, 0, 0]), np.array([1.0, 5.0, 3.0, 2.0]))
    >>> order.tolist(), late.tolist()
    ([0, 3, 2, 1], [1, 0])
    """
    grouped = np.argsort(codes, kind="stable")
    inner = np.diff(codes[grouped]) == 0
    back = inner & (np.diff(times[grouped]) < 0)
    late = np.bincount(codes[grouped][1:][back], minlength=int(codes.max(initial=-1)) + 1)
    return np.lexsort((times, codes)), late


def merged(codes: np.ndarray, times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows in order with those of one series and one time averaged (missing values left out), and which begin one.

    Gives the averages [steps, channels] and the numbers of the first row of each step [steps].

    >>> values, first = merged(np.array([0, 0, 0]), np.array([1.0, 1, 2]), np.array([[1.0], [2.0], [5.0]]))
    >>> values.ravel().tolist(), first.tolist()
    ([1.5, 5.0], [0, 2])
    """
    new = np.ones(len(codes), bool)
    new[1:] = (np.diff(codes) != 0) | (np.diff(times) != 0)
    first = np.flatnonzero(new)
    if len(first) == len(codes):
        return values, first
    there = ~np.isnan(values)
    counts = np.add.reduceat(there, first, axis=0, dtype=np.int64)
    sums = np.add.reduceat(np.where(there, values, 0), first, axis=0)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan), first


def regular_step(codes: np.ndarray, times: np.ndarray) -> float | None:
    """The most common difference between neighbours of one series, or the median one; None where none is regular.

    It is regular when at least half of the differences are within a tenth of it.

    >>> regular_step(np.zeros(5), np.array([0.0, 1, 2, 7, 8])), regular_step(np.zeros(4), np.array([0.0, 1, 10, 100]))
    (1.0, None)
    """
    between = np.diff(times)[np.diff(codes) == 0]
    if not len(between):
        return None
    median = float(np.median(between))
    alike = np.round(between / median, 6)  # differences of times with fractions are equal but for rounding
    found, counts = np.unique(alike, return_counts=True)
    common = float(np.median(between[alike == found[np.argmax(counts)]])) if counts.max() > 1 else median
    for step in (common, median):
        if step > 0 and np.mean(np.abs(between - step) <= ALIKE * step) >= REGULAR:
            return step
    return None


def places(codes: np.ndarray, times: np.ndarray, step: float | None) -> np.ndarray:
    """Where each row stands in its series when every missing step has a place, [rows]; without a step, one by one.

    >>> places(np.array([0, 0, 0, 1]), np.array([10.0, 11, 14, 7]), 1.0).tolist()
    [0, 1, 4, 0]
    """
    same = np.diff(codes) == 0
    apart = np.ones(len(same)) if step is None else np.maximum(np.rint(np.diff(times) / step), 1)
    total = np.concatenate([[0], np.cumsum(np.where(same, apart, 0))]).astype(np.int64)
    first = np.concatenate([[True], ~same]) if len(codes) else np.zeros(0, bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(codes)), 0))
    return total[: len(codes)] - total[starts]


def filled(series: np.ndarray, otherwise: np.ndarray) -> tuple[np.ndarray, int]:
    """One series [time, channels] without missing values, and how many were filled.

    Between neighbours by a straight line, at the ends by the nearest value, a channel that is missing throughout by
    ``otherwise`` [channels].

    >>> filled(np.array([[np.nan], [2.0], [np.nan], [4.0]]), np.zeros(1))[0].ravel().tolist()
    [2.0, 2.0, 3.0, 4.0]
    """
    missing = np.isnan(series)
    count = int(missing.sum())
    if not count:
        return series, 0
    series = series.copy()
    for channel in np.flatnonzero(missing.any(axis=0)):
        there, gone = np.flatnonzero(~missing[:, channel]), np.flatnonzero(missing[:, channel])
        line = np.interp(gone, there, series[there, channel]) if len(there) else otherwise[channel]
        series[gone, channel] = line
    return series, count
