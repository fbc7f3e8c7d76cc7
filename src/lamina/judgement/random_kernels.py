"""Random kernels: thousands of convolutions that nobody trained, and two numbers about what each finds in a series.

After ROCKET (Dempster, Petitjean and Webb 2020, sec. 3): random weights, dilations, channels and padding; from each
kernel the largest value and the share of values above a bias. As in MiniRocket (the same authors 2021, sec. 3) the
biases are quantiles of what the kernels give for training series. For speed, a few kernels share their dilation,
channels and padding, so that a convolution is a product of matrices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

LENGTH = 9  # of a kernel; of an odd number of steps, so that it has a middle
CHANNELS = 9  # a kernel sees so many at most
GROUPS = 150  # of kernels that share what is not their weights; at least
TOGETHER = 8  # in one, as below that the copying costs more than the products
QUANTILE_ROWS = 10  # training series whose values a group's biases are taken from
QUANTILE_PLACES = 2_000  # of each
FLAT = 1e-4  # of the values' deviation: differences that may be rounding
PLACES = 1 << 14  # of a series at a time
VALUES = 1 << 18  # of the convolutions at a time, which a core's own cache holds


@dataclass(frozen=True)
class Kernels:
    """Kernels that share a length, a dilation, their channels and whether zeros stand around the series.

    ``weights`` [length x channels, kernels], ``biases`` [kernels]. Where a series is too short for them, zeros stand
    around it whatever ``padded`` says.
    """

    length: int
    dilation: int
    channels: np.ndarray
    padded: bool
    weights: np.ndarray
    biases: np.ndarray

    def features(self, series: np.ndarray) -> np.ndarray:
        """Of series [n, time, channels] that are live throughout: [n, 2 x kernels], the largest values, then shares.

        A share is that of the places at which a kernel gives more than its bias.
        """
        most = np.full((len(series), len(self.biases)), -np.inf, np.float32)
        above, places = np.zeros(most.shape, np.int64), 0
        for values in self.convolved(series):
            np.maximum(most, values.max(axis=1), out=most)
            above += np.count_nonzero(values > self.biases, axis=1)
            places += values.shape[1]
        return np.concatenate([most, (above / places).astype(np.float32)], axis=1)

    def convolved(self, series: np.ndarray) -> Iterator[np.ndarray]:
        """The kernels' values [n, places, kernels], not too many places at a time."""
        reach = (self.length - 1) * self.dilation
        series = series[:, :, self.channels]
        if self.padded or series.shape[1] <= reach:
            series = np.pad(series, ((0, 0), (reach // 2, reach // 2), (0, 0)))
        for start in range(0, series.shape[1] - reach, PLACES):
            windows = self._windows(series[:, start : start + PLACES + reach], reach)
            yield (windows @ self.weights).reshape(len(series), -1, self.weights.shape[1])

    def _windows(self, series: np.ndarray, reach: int) -> np.ndarray:
        """What the kernels lie on: [n x places, length x channels]."""
        n, steps, channels = series.shape
        over_n, over_steps, over_channels = series.strides
        shape = (n, steps - reach, self.length, channels)
        strides = (over_n, over_steps, over_steps * self.dilation, over_channels)
        return np.lib.stride_tricks.as_strided(series, shape, strides, writeable=False).reshape(n * shape[1], -1)


@dataclass(frozen=True)
class RandomKernels:
    """Kernels, and the mean and deviation of each channel by which series are standardised before."""

    mean: np.ndarray
    deviation: np.ndarray
    groups: tuple[Kernels, ...]

    def features(self, series: np.ndarray, *, threads: int = 1) -> np.ndarray:
        """Of series [n, time, channels], NaN behind their ends: float32 [n, 2 x kernels]. An empty one has zeros.

        >>> series = np.random.default_rng(0).normal(size=(4, 30, 2)).astype(np.float32)
        >>> draw_kernels(series, 16).features(series).shape
        (4, 32)
        """
        lengths = live_steps(series)
        widths = [2 * len(group.biases) for group in self.groups]
        found = np.zeros((len(series), sum(widths)), np.float32)
        parts = np.split(found, np.cumsum(widths)[:-1], axis=1)

        def fill(first: int) -> None:
            for rows, steps in _pieces(lengths, max(widths) // 2):
                some = (series[rows, :steps] - self.mean) / self.deviation
                for group, part in zip(self.groups[first::threads], parts[first::threads], strict=True):
                    part[rows] = group.features(some)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, range(threads)))
        return found


def draw_kernels(series: np.ndarray, count: int, *, seed: int = 0) -> RandomKernels:
    """So many kernels for series like these [n, time, channels], NaN behind their ends, which give them their biases.

    No kernel is longer than the middle one of the series. The same seed and series give the same kernels.

    >>> series = np.random.default_rng(0).normal(size=(4, 6, 1)).astype(np.float32)
    >>> [(group.length, group.dilation, group.weights.shape) for group in draw_kernels(series, 3).groups]
    [(5, 1, (5, 3))]
    """
    rng = np.random.default_rng(seed)
    mean, deviation = _statistics(series)
    together = min(count, max(TOGETHER, -(-count // GROUPS)))
    sizes = [min(together, count - start) for start in range(0, count, together)]
    return RandomKernels(mean, deviation, tuple(_drawn(series, (mean, deviation), size, rng) for size in sizes))


def live_steps(series: np.ndarray) -> np.ndarray:
    """How many steps each of the series [n, time, channels] has before the NaN behind its end.

    >>> live_steps(np.array([[[1.0], [2.0]], [[1.0], [np.nan]]])).tolist()
    [2, 1]
    """
    return np.count_nonzero(~np.isnan(series[:, :, 0]), axis=1)


def _pieces(lengths: np.ndarray, kernels: int) -> Iterator[tuple[np.ndarray, int]]:
    """Rows of equal length, not too many at a time: nothing is spent on padding, and nothing of it can be seen."""
    for steps in np.unique(lengths[lengths > 0]).tolist():
        rows = np.flatnonzero(lengths == steps)
        size = max(1, VALUES // (min(steps, PLACES) * kernels))
        yield from ((rows[start : start + size], steps) for start in range(0, len(rows), size))


def _statistics(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel over live steps; the deviation of a channel that never changes is 1."""
    live = ~np.isnan(series[:, :, 0])
    count = max(1, np.count_nonzero(live))
    mean = sum(row[alive].sum(axis=0, dtype=np.float64) for row, alive in zip(series, live, strict=True)) / count
    squares = (((row[alive] - mean) ** 2).sum(axis=0) for row, alive in zip(series, live, strict=True))
    deviation = np.sqrt(sum(squares) / count)
    varies = deviation > 1e-6 * np.abs(mean)
    return np.asarray(mean, np.float32), np.where(varies, deviation, 1.0).astype(np.float32)


def _drawn(
    series: np.ndarray, standard: tuple[np.ndarray, np.ndarray], count: int, rng: np.random.Generator
) -> Kernels:
    """So many kernels of one dilation, with biases."""
    lengths = live_steps(series)
    typical = max(1, int(np.median(lengths)))
    length = min(LENGTH, typical - 1 + typical % 2)
    dilation = int(2 ** rng.uniform(0, np.log2((typical - 1) / (length - 1)))) if length > 1 else 1
    some = int(2 ** rng.uniform(0, np.log2(min(series.shape[2], CHANNELS) + 1)))
    channels = np.sort(rng.choice(series.shape[2], some, replace=False))
    weights = rng.normal(size=(length, some, count))
    weights -= weights.mean(axis=0) if length > 1 else 0.0
    padded = bool(rng.random() < 0.5)
    flat = weights.reshape(length * some, count).astype(np.float32)
    kernels = Kernels(length, dilation, channels, padded, flat, np.zeros(count, np.float32))
    rows = rng.choice(len(series), min(len(series), QUANTILE_ROWS), replace=False)
    shares = rng.random(count)
    known = [(series[row : row + 1, : lengths[row]] - standard[0]) / standard[1] for row in rows if lengths[row]]
    return dataclasses.replace(kernels, biases=_quantiles(kernels, known, shares)) if known else kernels


def _quantiles(kernels: Kernels, known: list[np.ndarray], shares: np.ndarray) -> np.ndarray:
    """What this share of each kernel's values for these series [1, time, channels] lies below.

    A little more than that: where a series is flat, all values are 0 but for rounding, which must not count.
    """
    values = [part[0, :: max(1, one.shape[1] // QUANTILE_PLACES)] for one in known for part in kernels.convolved(one)]
    ordered = np.sort(np.concatenate(values), axis=0)
    between, places = np.modf(shares * (len(ordered) - 1))
    low, high = (ordered[np.ceil(at).astype(int), np.arange(len(shares))] for at in (places, places + between))
    return low + between.astype(np.float32) * (high - low) + FLAT * (ordered.std(axis=0) + FLAT)
