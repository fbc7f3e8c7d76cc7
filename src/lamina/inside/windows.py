"""The window of a convolution or a pool at one place: what it sees there, and what of it is padding."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.inside.arithmetic import Index, Window


def window_at(
    x: np.ndarray, settings: Mapping[str, Any], index: Index, *, mask: np.ndarray | None, channels: int | slice
) -> Window:
    """What a window sees of ``x`` [places ..., channels] when its place in the output is ``index``.

    ``settings`` say how it moves, as an Organ's do. Of a slice of channels they are the window's last axis; of one
    alone there is no such axis. What ``mask`` hides, of the first axis, counts as padding.

    >>> moves = {"window": [2], "stride": [2], "padding": [[1, 0]]}
    >>> seen = window_at(np.array([[1.0], [2.0], [3.0]]), moves, (0,), mask=None, channels=0)
    >>> seen.inputs.tolist(), seen.there.tolist(), seen.start
    ([0.0, 1.0], [False, True], (-1, 0))
    """
    size = settings.get("kernel") or settings["window"]
    steps = tuple(settings.get("dilation") or [1] * len(size))
    starts = tuple(i * by - pad[0] for i, by, pad in zip(index, settings["stride"], settings["padding"], strict=False))
    along = [first + by * np.arange(n) for first, by, n in zip(starts, steps, size, strict=True)]
    sides = [(at >= 0) & (at < n) for at, n in zip(along, x.shape, strict=False)]
    if mask is not None:
        sides[0] = sides[0] & mask[np.clip(along[0], 0, len(mask) - 1)]
    there = functools.reduce(np.logical_and.outer, sides)
    seen = x[np.ix_(*(np.clip(at, 0, n - 1) for at, n in zip(along, x.shape, strict=False)))][..., channels]
    axes = tuple(range(len(size)))
    if isinstance(channels, int):
        return Window(np.where(there, seen, 0), (*starts, channels), steps, axes, there)
    there = np.broadcast_to(there[..., None], seen.shape)
    start = (*starts, channels.start or 0)
    return Window(np.where(there, seen, 0), start, (*steps, 1), (*axes, len(size)), there)
