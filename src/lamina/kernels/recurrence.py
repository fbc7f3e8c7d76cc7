"""What the recurrent kernels have in common: the order of steps, the steps that are padding, the shapes they refuse.

A padded step changes nothing: the state is carried over it, its output is zero, and no gradient comes from it. So a
sequence read from its end to its start begins with its own last live step, wherever the padding is.

Dropout within the recurrence is variational (Gal and Ghahramani 2016, arXiv 1512.05287, sec. 4): what a step has of the
state before it is multiplied by numbers that are the same at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import Array, lax

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


def shared(h: Array, dropped: Array | None) -> Array:
    """What a step's product has of the state ``h`` before it, and what the state gets of the product's gradient."""
    return h if dropped is None else h * dropped


States = tuple[Array, ...]
Read = Callable[[Array, States, Array | None], tuple[Array, States]]


def in_pieces(
    read: Read, x: Array, initial: States, mask: Array | None, *, length: int, reverse: bool = False
) -> tuple[Array, States]:
    """What ``read(x, states, mask)`` makes of ``x`` [batch, time, inputs], piece after piece of so many steps.

    The states pass from piece to piece and no gradient does: truncated backpropagation through time (Williams and Peng
    1990, sec. 4, of as many steps as a piece has left). Pieces are counted from the first step, also in reverse.

    >>> def read(x, states, mask):
    ...     y = states[0][:, None] + jnp.cumsum(x, axis=1)
    ...     return y, (y[:, -1],)
    >>> in_pieces(read, jnp.ones((1, 5, 1)), (jnp.zeros((1, 1)),), None, length=2)[0].ravel().tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    whole = x.shape[1] // length
    parts = [slice(0, whole * length), slice(whole * length, None)]
    outs, states = [], initial

    def one(states: States, piece: tuple[Array, Array | None]) -> tuple[States, Array]:
        y, last = read(piece[0], tuple(map(lax.stop_gradient, states)), piece[1])
        return last, y

    for part in parts[::-1] if reverse else parts:
        steps = x[:, part]
        if steps.shape[1] == 0:
            continue
        pieces = _cut(steps, length), None if mask is None else _cut(mask[:, part], length)
        states, y = lax.scan(one, states, pieces, reverse=reverse)
        outs.append(y.swapaxes(0, 1).reshape(*steps.shape[:2], y.shape[-1]))
    return jnp.concatenate(outs[::-1] if reverse else outs, axis=1), states


def _cut(x: Array, length: int) -> Array:
    """[batch, time, ...] as pieces of that length, or of all if it is shorter: [pieces, batch, length, ...]."""
    return x.reshape(x.shape[0], -1, min(length, x.shape[1]), *x.shape[2:]).swapaxes(0, 1)


def transposed_product(a: Array, b: Array) -> Array:
    """The sum over all steps and rows of a's features times b's: [..., m], [..., n] to [m, n]."""
    # (B^T A)^T: on the CPU twice as fast as A^T B when the common axis is long.
    return product(b.reshape(-1, b.shape[-1]).T, a.reshape(-1, a.shape[-1])).T


def check(
    kind: str, x: Array, hidden: int, states: Sequence[Array], mask: Array | None, dropped: Array | None = None
) -> None:
    """ShapeError unless ``x`` is [batch, time, inputs], each state and ``dropped`` [batch, hidden], the mask [batch,
    time] booleans.
    """
    if x.ndim != 3:
        raise ShapeError(f"{kind} was given an array of shape {list(x.shape)}.", expected="[batch, time, inputs].")
    each = [("an initial state", state) for state in states]
    for what, array in each if dropped is None else [*each, ("what is dropped", dropped)]:
        if array.shape != (x.shape[0], hidden):
            raise ShapeError(f"{kind}: {what} has the shape {list(array.shape)}.", expected=f"{[x.shape[0], hidden]}.")
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
