"""Units of the layers that make one number of several places: pools, and what takes the time away."""

from __future__ import annotations

import numpy as np

from lamina.inside.arithmetic import Formula, Index, Part, Window, choice, formula, products
from lamina.inside.given import Given
from lamina.inside.windows import window_at


def max_pool(given: Given, index: Index) -> tuple[Part, ...]:
    """The largest of the window, channel by channel."""
    return (choice("largest", given.of, _window(given, index)),)


def average_pool(given: Given, index: Index) -> tuple[Part, ...]:
    """The mean of what is there in the window."""
    return (_mean(given, _window(given, index)),)


def global_pool(given: Given, index: Index) -> tuple[Part, ...]:
    """The mean, or the largest, of all places of a channel; of those at live steps."""
    seen = _everywhere(given, index[-1])
    return (_mean(given, seen) if given.layer.by == "mean" else choice("largest", given.of, seen),)


def mean_over_time(given: Given, index: Index) -> tuple[Part, ...]:
    """The mean of a feature over the live steps."""
    return (_mean(given, _everywhere(given, index[-1])),)


def largest_over_time(given: Given, index: Index) -> tuple[Part, ...]:
    """The largest of a feature over the live steps."""
    return (choice("largest", given.of, _everywhere(given, index[-1])),)


def last(given: Given, index: Index) -> tuple[Part, ...]:
    """What stands at the last live step, or, in the half that reads backward, at the first."""
    (feature,) = index
    steps = np.arange(len(given.x)) if given.mask is None else np.flatnonzero(given.mask)
    if not steps.size:
        return (nothing(),)
    first = given.layer.bidirectional and feature >= given.x.shape[1] // 2
    at = int(steps[0 if first else -1])
    name = "first step" if first else "last step"
    return (formula(name, "x", {"x": given.x[at, feature]}, {"x": given.place(at, feature)}),)


def nothing() -> Formula:
    """What stands where nothing is there: 0.

    >>> nothing().value
    0.0
    """
    return formula("padding", "0", {})


def _window(given: Given, index: Index) -> Window:
    *places, channel = index
    return window_at(given.x, given.organ.settings, tuple(places), mask=given.mask, channels=channel)


def _everywhere(given: Given, channel: int) -> Window:
    seen = given.x[..., channel]
    there = np.ones(seen.shape, bool)
    if given.mask is not None:
        there &= given.mask.reshape(-1, *(1,) * (seen.ndim - 1))
    axes = tuple(range(seen.ndim))
    return Window(seen, (*(0 for _ in axes), channel), tuple(1 for _ in axes), axes, there)


def _mean(given: Given, seen: Window) -> Part:
    return products("mean", given.of, None, seen.there / max(1, int(seen.there.sum())), window=seen)
