"""Units of attention: for each head the scores of a step's query over all keys, the shares, and what the values say.

A head's part in one feature of the output is the mean of what each step's values say to that feature (their product
with the head's rows of the output weights), weighted by the shares: the same numbers as in kernels/attention.py and the
product behind it, in an order that lets one see what each step adds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lamina.inside.arithmetic import Index, Part, Window, products, row, shares
from lamina.inside.given import Given


@dataclass(frozen=True, eq=False)
class _Heads:
    """Queries (divided by the root of their size), keys and values, [heads, time, size] each."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray


def attention(given: Given, index: Index) -> tuple[Part, ...]:
    """Of each head the best score, the shares of all steps, what they add; then the heads' sum with the bias.

    A score is the product of the step's query and the key of the step where it is largest, ``at`` in the shares.
    """
    step, feature = index
    heads = given.once("heads", lambda: _heads(given))
    seen = np.ones(len(given.x), bool) if given.mask is None else given.mask.copy()
    if given.layer.causal:
        seen[step + 1 :] = False
    parts = [part for head in range(given.layer.heads) for part in _head(given, heads, head, (step, feature, seen))]
    adds = [part.value for part in parts if part.name.endswith(" adds")]
    bias = given.layer.output_bias[feature]
    total = products("output", "what the heads add", adds, np.ones(len(adds)), bias=bias)
    return (*parts, total)


def _head(given: Given, heads: _Heads, head: int, at: tuple[int, int, np.ndarray]) -> tuple[Part, ...]:
    """Of one head, for a step and a feature of the output, where it sees these steps."""
    (step, feature, seen), name = at, f"head {head + 1}"
    query, keys = heads.query[head, step], heads.key[head]
    first, scores = head * len(query), keys @ query
    top = int(np.argmax(np.where(seen, scores, -np.inf)))
    score = products(f"{name} score", f"{name} query", None, keys[top], window=row(query, (step,), start=first))
    share = shares(f"{name} shares", f"{name} scores", scores, top, there=seen)
    says = heads.value[head] @ given.layer.output_weight[first : first + len(query), feature]
    window = Window(says, (0, feature), (1,), (0,), seen)
    return score, share, products(f"{name} adds", f"{name} values", None, share.shares, window=window)


def _heads(given: Given) -> _Heads:
    layer, x = given.layer, given.x.astype(np.float64)
    size = x.shape[1] // layer.heads
    packed = (x @ layer.weight + layer.bias).reshape(len(x), 3, layer.heads, size)
    query, key, value = packed.transpose(1, 2, 0, 3)
    return _Heads(query / math.sqrt(size), key, value)
