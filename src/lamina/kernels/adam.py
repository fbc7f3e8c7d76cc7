"""One step of Adam on a network's parameters as they lie, each an array of its own.

``lamina.optimizers`` says what a step is, and that chain runs everywhere. Where the native library is in use this call
takes its place for "adam" and "adamw": no gradient is copied into the flat vector first, which costs a large network
more than all the arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from lamina.errors import ShapeError
from lamina.kernels import native


class Moments(NamedTuple):
    """Both moments of all parameters, end to end in the parameters' order: [size] each."""

    first: Array
    second: Array


class Pace(NamedTuple):
    """How a step goes: the numbers of a recipe (a clip norm of 0 is none), and how many steps were made before."""

    rate: Array
    momentum: Array
    beta2: Array
    weight_decay: Array
    l1: Array
    l2: Array
    clip_norm: Array
    done: Array


class Stepped(NamedTuple):
    """After a step: parameters in their order, moments, the length of the gradient (before penalties and clipping), and
    for each parameter the square of how far it moved and of how long it was before, [arrays, 2].
    """

    parameters: list[Array]
    moments: Moments
    norm: Array
    squares: Array


def adam(
    parameters: Sequence[Array], gradients: Sequence[Array], moments: Moments, pace: Pace, *, decays: Sequence[bool]
) -> Stepped:
    """One step. ``decays``: which parameters are weights, which penalties and decay are for.

    ShapeError where the arrays don't pair or aren't float32. There must be a native library. Source: Kingma and Ba
    2015, algorithm 1; the decay is that of Loshchilov and Hutter 2019, algorithm 2.

    >>> zero = jnp.zeros(1)
    >>> pace = Pace(*(jnp.float32(x) for x in (0.1, 0.9, 0.999, 0, 0, 0, 0)), jnp.int32(0))
    >>> def made():
    ...     return adam([jnp.ones(1)], [jnp.full(1, 2.0)], Moments(zero, zero), pace, decays=[True])
    >>> abs(made().parameters[0][0] - 0.9) < 1e-6 if native.usable() else jnp.bool_(True)
    Array(True, dtype=bool)
    """
    _check(parameters, gradients, moments, decays)
    shapes = [*(of.shape for of in moments), (1,), (len(parameters), 2), *(of.shape for of in parameters)]
    *numbers, done = pace
    first, second, norm, squares, *after = native.call(
        "adam",
        [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes],
        *moments,
        jnp.stack(numbers).astype(jnp.float32),
        jnp.reshape(done, 1).astype(jnp.int32),
        *parameters,
        *gradients,
        aliases={0: 0, 1: 1, **{4 + at: 4 + at for at in range(len(parameters))}},
        decays=tuple(int(decay) for decay in decays),
    )
    return Stepped(after, Moments(first, second), norm[0], squares)


def _check(parameters: Sequence[Array], gradients: Sequence[Array], moments: Moments, decays: Sequence[bool]) -> None:
    size = sum(math.prod(array.shape) for array in parameters)
    pairs = [array.shape for array in parameters] == [array.shape for array in gradients]
    fits = pairs and len(decays) == len(parameters) and all(of.shape == (size,) for of in moments)
    if not fits or any(array.dtype != jnp.float32 for array in (*parameters, *gradients, *moments)):
        given = [[f"{of.dtype}{list(of.shape)}" for of in arrays] for arrays in (parameters, gradients, moments)]
        raise ShapeError(
            f"Adam was given parameters {given[0]}, gradients {given[1]} and moments {given[2]}.",
            expected=f"A gradient like each parameter, and moments float32[{size}].",
        )
