"""The gated recurrent unit and its gradient.

Cho et al. 2014 (arXiv 1406.1078), in the form that cuDNN and torch have: the reset gate behind the recurrent product.
At each step

    reset, update = sigmoid(split(x W + b + h U))          the first two thirds of the columns
    new = tanh(x W + b + reset * (h U + bn))               the last third
    h = (1 - update) * new + update * h

The JAX form makes the inputs' product for all steps at once, keeps the gates, and makes each gradient of the weights in
one product behind the loop. On a CPU with the native library a whole sequence is one call forward and one backward
(sequence.py, native/gru.cc).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

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


class GRUWeights(NamedTuple):
    """``input`` [inputs, 3 hidden], ``recurrent`` [hidden, 3 hidden], ``bias`` [3 hidden]: reset, update, new.

    ``recurrent_bias`` [hidden] is bn, which the reset gate also resets.
    """

    input: Array
    recurrent: Array
    bias: Array
    recurrent_bias: Array


def gru(
    x: Array,
    initial: Array,
    weights: GRUWeights,
    mask: Array | None = None,
    *,
    reverse: bool = False,
    dropped: Array | None = None,
) -> tuple[Array, Array]:
    """The hidden states of sequences ``x`` [batch, time, inputs], as [batch, time, hidden], and the last one.

    ``initial`` [batch, hidden]; ``mask`` [batch, time] says which steps are there (all, if None). A padded step gives
    zeros and leaves the state alone. ``reverse`` reads from the end to the start. ``dropped`` [batch, hidden] is what h
    is multiplied by on its way into the gates, on JAX alone. Reverse-mode gradients only, for everything but the mask
    and ``dropped``. ShapeError where something does not fit.

    >>> weights = GRUWeights(jnp.ones((5, 9)), jnp.ones((3, 9)), jnp.zeros(9), jnp.zeros(3))
    >>> y, last = gru(jnp.ones((2, 7, 5)), jnp.zeros((2, 3)), weights)
    >>> y.shape, bool((y[:, -1] == last).all())
    ((2, 7, 3), True)
    """
    hidden = weights.recurrent.shape[0]
    check("gru", x, hidden, [initial], mask, dropped)
    check_weights(
        "gru",
        {
            "input": (weights.input, (x.shape[2], 3 * hidden)),
            "recurrent": (weights.recurrent, (hidden, 3 * hidden)),
            "bias": (weights.bias, (3 * hidden,)),
            "recurrent_bias": (weights.recurrent_bias, (hidden,)),
        },
    )
    plain = partial(_plain, reverse)
    can = dropped is None and sequence.can_be_native(x, initial, *weights)
    return by_platform(
        x, initial, weights, mask, dropped, cpu=partial(_native, reverse) if can else plain, default=plain
    )


def _native(
    reverse: bool, x: Array, initial: Array, weights: GRUWeights, mask: Array | None, dropped: None
) -> tuple[Array, Array]:
    del dropped
    both = jnp.concatenate([weights.recurrent_bias, weights.bias])
    given = sequence.Weights(weights.input, weights.recurrent, both)
    y, last = sequence.read(sequence.Reader("gru", 4, reverse), x, (initial,), given, mask)
    return y, last[0]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _plain(
    reverse: bool, x: Array, initial: Array, weights: GRUWeights, mask: Array | None, dropped: Array | None
) -> tuple[Array, Array]:
    return _plain_forward(reverse, x, initial, weights, mask, dropped)[0]


def _plain_forward(
    reverse: bool, x: Array, initial: Array, weights: GRUWeights, mask: Array | None, dropped: Array | None
) -> tuple[tuple[Array, Array], Any]:
    hidden, live = initial.shape[1], live_steps(mask)
    x = at_steps(x, live)
    from_x = product(x, weights.input) + weights.bias[None, None]

    def step(h: Array, now: tuple[Array, Array | None]) -> tuple[Array, Any]:
        from_x, live = now
        from_h = product(shared(h, dropped), weights.recurrent)
        reset, update = jnp.split(jax.nn.sigmoid(from_x[:, : 2 * hidden] + from_h[:, : 2 * hidden]), 2, axis=1)
        again = from_h[:, 2 * hidden :] + weights.recurrent_bias[None]
        new = jnp.tanh(from_x[:, 2 * hidden :] + reset * again)
        out = new + update * (h - new)
        return held(live, out, h), (held(live, out, 0), h, reset, update, new, again)

    last, (y, *kept) = lax.scan(step, initial, (from_x, live), reverse=reverse)
    return (steps_first(y), last), (x, weights, mask, dropped, kept)


def _plain_backward(reverse: bool, kept: Any, to: tuple[Array, Array]) -> tuple[Array, Array, GRUWeights, None, None]:
    (x, weights, mask, dropped, steps), (to_y, to_last) = kept, to

    def step(to_h: Array, now: Any) -> tuple[Array, Any]:
        to_y, live, h, reset, update, new, again = now
        to_out = held(live, to_h + to_y, 0)
        to_update = to_out * (h - new) * update * (1 - update)
        to_new = to_out * (1 - update) * (1 - new * new)
        to_reset = to_new * again * reset * (1 - reset)
        to_product = jnp.concatenate([to_reset, to_update, to_new * reset], axis=1)
        before = shared(product(to_product, weights.recurrent.T), dropped) + to_out * update
        return held(live, before, to_h), (to_product, to_new)

    everything = steps_first(to_y), live_steps(mask), *steps
    to_initial, (to_product, to_new) = lax.scan(step, to_last, everything, reverse=not reverse)
    hidden = to_new.shape[2]
    to_gates = jnp.concatenate([to_product[:, :, : 2 * hidden], to_new], axis=2)
    to_weights = GRUWeights(
        transposed_product(x, to_gates),
        transposed_product(shared(steps[0], None if dropped is None else dropped[None]), to_product),
        jnp.sum(to_gates, axis=(0, 1)),
        jnp.sum(to_product[:, :, 2 * hidden :], axis=(0, 1)),
    )
    # Where nobody asks for it, as for the data's gradient, XLA drops this product.
    return steps_first(product(to_gates, weights.input.T)), to_initial, to_weights, None, None


_plain.defvjp(_plain_forward, _plain_backward)
