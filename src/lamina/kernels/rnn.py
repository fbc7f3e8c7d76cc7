"""The plain recurrent network (Elman 1990) and its gradient: ``h = activation(x W + h U + b)`` at each step.

The JAX form makes the inputs' product for all steps at once, keeps the outputs only, and makes each gradient of the
weights in one product behind the loop. On a CPU with the native library a whole sequence is one call forward and one
backward (sequence.py, native/rnn.cc).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from lamina.errors import OptionError
from lamina.kernels import sequence
from lamina.kernels.platform import by_platform
from lamina.kernels.precision import product
from lamina.kernels.recurrence import (
    at_steps,
    check,
    check_weights,
    held,
    live_steps,
    shared,
    steps_first,
    transposed_product,
)

# Each function, and its slope as a function of what came out.
ACTIVATIONS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = MappingProxyType(
    {
        "tanh": (jnp.tanh, lambda y: 1 - y * y),
        "relu": (jax.nn.relu, lambda y: (y > 0).astype(y.dtype)),
    }
)


class RNNWeights(NamedTuple):
    """``input`` [inputs, hidden], ``recurrent`` [hidden, hidden], ``bias`` [hidden]."""

    input: Array
    recurrent: Array
    bias: Array


class _Way(NamedTuple):
    activation: str
    reverse: bool


def rnn(
    x: Array,
    initial: Array,
    weights: RNNWeights,
    mask: Array | None = None,
    *,
    activation: str = "tanh",
    reverse: bool = False,
    dropped: Array | None = None,
) -> tuple[Array, Array]:
    """The hidden states of sequences ``x`` [batch, time, inputs], as [batch, time, hidden], and the last one.

    ``initial`` [batch, hidden]; ``mask`` [batch, time] says which steps are there (all, if None). A padded step gives
    zeros and leaves the state alone. ``activation`` is tanh or relu; ``reverse`` reads from the end to the start.
    ``dropped`` [batch, hidden] is what h is multiplied by on its way into the product, on JAX alone. Reverse-mode
    gradients only, for everything but the mask and ``dropped``. ShapeError where something does not fit.

    >>> weights = RNNWeights(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> rnn(jnp.ones((1, 3, 1)), jnp.zeros((1, 1)), weights, activation="relu")[0].ravel().tolist()
    [1.0, 2.0, 3.0]
    """
    if activation not in ACTIVATIONS:
        raise OptionError(f"rnn: the activation is {activation!r}.", expected=", ".join(ACTIVATIONS), mend="tanh")
    hidden = weights.recurrent.shape[0]
    check("rnn", x, hidden, [initial], mask, dropped)
    check_weights(
        "rnn",
        {
            "input": (weights.input, (x.shape[2], hidden)),
            "recurrent": (weights.recurrent, (hidden, hidden)),
            "bias": (weights.bias, (hidden,)),
        },
    )
    way = _Way(activation, reverse)
    plain = partial(_plain, way)
    can = dropped is None and sequence.can_be_native(x, initial, *weights)
    return by_platform(x, initial, weights, mask, dropped, cpu=partial(_native, way) if can else plain, default=plain)


def _native(
    way: _Way, x: Array, initial: Array, weights: RNNWeights, mask: Array | None, dropped: None
) -> tuple[Array, Array]:
    del dropped
    reader = sequence.Reader(f"rnn_{way.activation}", 0, way.reverse)
    y, last = sequence.read(reader, x, (initial,), sequence.Weights(*weights), mask)
    return y, last[0]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _plain(
    way: _Way, x: Array, initial: Array, weights: RNNWeights, mask: Array | None, dropped: Array | None
) -> tuple[Array, Array]:
    return _plain_forward(way, x, initial, weights, mask, dropped)[0]


def _plain_forward(
    way: _Way, x: Array, initial: Array, weights: RNNWeights, mask: Array | None, dropped: Array | None
) -> tuple[tuple[Array, Array], Any]:
    function, live = ACTIVATIONS[way.activation][0], live_steps(mask)
    x = at_steps(x, live)
    from_x = product(x, weights.input) + weights.bias[None, None]

    def step(h: Array, now: tuple[Array, Array | None]) -> tuple[Array, Any]:
        from_x, live = now
        before = shared(h, dropped)
        out = function(from_x + product(before, weights.recurrent))
        return held(live, out, h), (held(live, out, 0), before)

    last, (y, before) = lax.scan(step, initial, (from_x, live), reverse=way.reverse)
    return (steps_first(y), last), (x, weights, mask, dropped, y, before)


def _plain_backward(way: _Way, kept: Any, to: tuple[Array, Array]) -> tuple[Array, Array, RNNWeights, None, None]:
    (x, weights, mask, dropped, y, before), (to_y, to_last) = kept, to
    slope = ACTIVATIONS[way.activation][1]

    def step(to_h: Array, now: Any) -> tuple[Array, Array]:
        to_y, live, y = now
        to_product = held(live, (to_h + to_y) * slope(y), 0)
        return held(live, shared(product(to_product, weights.recurrent.T), dropped), to_h), to_product

    everything = steps_first(to_y), live_steps(mask), y
    to_initial, to_product = lax.scan(step, to_last, everything, reverse=not way.reverse)
    to_weights = RNNWeights(
        transposed_product(x, to_product), transposed_product(before, to_product), jnp.sum(to_product, axis=(0, 1))
    )
    # Where nobody asks for it, as for the data's gradient, XLA drops this product.
    return steps_first(product(to_product, weights.input.T)), to_initial, to_weights, None, None


_plain.defvjp(_plain_forward, _plain_backward)
