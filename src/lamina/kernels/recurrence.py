"""What the recurrent kernels have in common: the order of steps, the steps that are padding, the shapes they refuse.

A padded step changes nothing: the state is carried over it, its output is zero, and no gradient comes from it. So a
sequence read from its end to its start begins with its own last live step, wherever the padding is.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels.precision import product


def steps_first(x: Array) -> Array:
    """[batch, time, ...] to [time, batch, ...] and back: a step is then one piece of memory."""
    return x.swapaxes(0, 1)


def live_steps(mask: Array | None) -> Array | None:
    """A mask [batch, time] as what each step multiplies, [time, batch, 1]."""
    return None if mask is None else mask.T[:, :, None]


def at_steps(x: Array, live: Array | None) -> Array:
    """``x`` [batch, time, inputs] step by step, zeros where a step is padding, whatever stands there."""
    return held(live, steps_first(x), 0)


def held(live: Array | None, new: Array, old: Array | float) -> Array:
    """``new`` where a row lives, ``old`` where it is padded."""
    return new if live is None else jnp.where(live, new, jnp.asarray(old, new.dtype))


def transposed_product(a: Array, b: Array) -> Array:
    """The sum over all steps and rows of a's features times b's: [..., m], [..., n] to [m, n]."""
    # (B^T A)^T: on the CPU twice as fast as A^T B when the common axis is long.
    return product(b.reshape(-1, b.shape[-1]).T, a.reshape(-1, a.shape[-1])).T


def check(kind: str, x: Array, hidden: int, states: Sequence[Array], mask: Array | None) -> None:
    """ShapeError unless ``x`` is [batch, time, inputs], each state [batch, hidden], the mask [batch, time] booleans."""
    if x.ndim != 3:
        raise ShapeError(f"{kind} was given an array of shape {list(x.shape)}.", expected="[batch, time, inputs].")
    for state in states:
        if state.shape != (x.shape[0], hidden):
            raise ShapeError(
                f"{kind}: an initial state has the shape {list(state.shape)}.", expected=f"{[x.shape[0], hidden]}."
            )
    if mask is not None and (mask.shape != x.shape[:2] or mask.dtype != jnp.bool_):
        raise ShapeError(
            f"{kind}: the mask is {mask.dtype} of shape {list(mask.shape)}.",
            expected=f"Booleans of shape {list(x.shape[:2])}: which steps are there.",
        )


def check_weights(kind: str, shapes: dict[str, tuple[Array, tuple[int, ...]]]) -> None:
    """ShapeError when an array has another shape than the one beside it."""
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise ShapeError(f"{kind}: {name} has the shape {list(array.shape)}.", expected=f"{list(shape)}.")
