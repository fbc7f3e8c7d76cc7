"""The long short-term memory: a state carried through a sequence behind gates, and its gradient.

Hochreiter and Schmidhuber 1997 (Neural Computation 9(8)), with the forget gate of Gers et al. 2000. At each step

    in, forget, cell, out = split(x W + h U + b)           sigmoid, sigmoid, tanh, sigmoid
    c = forget * c + in * cell
    h = out * tanh(c)

The JAX form multiplies x and h at once, keeps what the gates were before their functions, and makes the gradient of
the weights in one product behind the loop; what JAX derives by itself takes nearly twice as long. On a CPU with the
native library a whole sequence is one call forward and one backward (sequence.py, native/lstm.cc).
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

State = tuple[Array, Array]


class LSTMWeights(NamedTuple):
    """``input`` [inputs, 4 hidden], ``recurrent`` [hidden, 4 hidden], ``bias`` [4 hidden]: in, forget, cell, out."""

    input: Array
    recurrent: Array
    bias: Array


def lstm(
    x: Array,
    initial: State,
    weights: LSTMWeights,
    mask: Array | None = None,
    *,
    reverse: bool = False,
    dropped: Array | None = None,
) -> tuple[Array, State]:
    """The hidden states of sequences ``x`` [batch, time, inputs], as [batch, time, hidden], and the last state (h, c).

    ``initial`` is (h, c), [batch, hidden] each; ``mask`` [batch, time] says which steps are there (all, if None). A
    padded step gives zeros and leaves the state alone. ``reverse`` reads from the end to the start. ``dropped`` [batch,
    hidden] is what h is multiplied by on its way into the gates, on JAX alone. Reverse-mode gradients only, for
    everything but the mask and ``dropped``. ShapeError where something does not fit.

    >>> state = jnp.zeros((2, 3))
    >>> weights = LSTMWeights(jnp.ones((5, 12)), jnp.ones((3, 12)), jnp.zeros(12))
    >>> y, (h, c) = lstm(jnp.ones((2, 7, 5)), (state, state), weights)
    >>> y.shape, bool((y[:, -1] == h).all())
    ((2, 7, 3), True)
    """
    hidden = weights.recurrent.shape[0]
    check("lstm", x, hidden, initial, mask, dropped)
    check_weights(
        "lstm",
        {
            "input": (weights.input, (x.shape[2], 4 * hidden)),
            "recurrent": (weights.recurrent, (hidden, 4 * hidden)),
            "bias": (weights.bias, (4 * hidden,)),
        },
    )
    plain = partial(_plain, reverse)
    can = dropped is None and sequence.can_be_native(x, *initial, *weights)
    return by_platform(
        x, initial, weights, mask, dropped, cpu=partial(_native, reverse) if can else plain, default=plain
    )


def _native(
    reverse: bool, x: Array, initial: State, weights: LSTMWeights, mask: Array | None, dropped: None
) -> tuple[Array, tuple[Array, ...]]:
    del dropped
    return sequence.read(sequence.Reader("lstm", 5, reverse), x, initial, sequence.Weights(*weights), mask)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _plain(
    reverse: bool, x: Array, initial: State, weights: LSTMWeights, mask: Array | None, dropped: Array | None
) -> tuple[Array, State]:
    return _plain_forward(reverse, x, initial, weights, mask, dropped)[0]


def _gates(before: Array) -> tuple[Array, Array, Array, Array]:
    i, f, g, o = jnp.split(before, 4, axis=1)
    return jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)


def _plain_forward(
    reverse: bool, x: Array, initial: State, weights: LSTMWeights, mask: Array | None, dropped: Array | None
) -> tuple[tuple[Array, State], Any]:
    both = jnp.concatenate([weights.recurrent, weights.input])

    def step(state: State, now: tuple[Array, Array | None]) -> tuple[State, Any]:
        (h, c), (x, live) = state, now
        row = jnp.concatenate([shared(h, dropped), x], axis=1)
        before = product(row, both) + weights.bias[None]
        i, f, g, o = _gates(before)
        cell = f * c + i * g
        out = o * jnp.tanh(cell)
        return (held(live, out, h), held(live, cell, c)), (held(live, out, 0), row, before, c)

    live = live_steps(mask)
    last, (y, rows, before, cells) = lax.scan(step, initial, (at_steps(x, live), live), reverse=reverse)
    return (steps_first(y), last), (weights, mask, dropped, rows, before, cells)


def _plain_backward(reverse: bool, kept: Any, to: tuple[Array, State]) -> tuple[Array, State, LSTMWeights, None, None]:
    (weights, mask, dropped, rows, before, cells), (to_y, to_last) = kept, to
    hidden = weights.recurrent.shape[0]

    def step(to_state: State, now: Any) -> tuple[State, Array]:
        (to_h, to_c), (to_y, before, c, live) = to_state, now
        i, f, g, o = _gates(before)
        t = jnp.tanh(f * c + i * g)
        dh = held(live, to_h + to_y, 0)
        dc = held(live, to_c + dh * o * (1 - t * t), 0)
        slopes = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)
        to_before = jnp.concatenate(slopes, axis=1)
        to_before_h = shared(product(to_before, weights.recurrent.T), dropped)
        return (held(live, to_before_h, to_h), held(live, dc * f, to_c)), to_before

    steps = steps_first(to_y), before, cells, live_steps(mask)
    to_initial, to_before = lax.scan(step, to_last, steps, reverse=not reverse)
    both = transposed_product(rows, to_before)
    to_weights = LSTMWeights(both[hidden:], both[:hidden], jnp.sum(to_before, axis=(0, 1)))
    # Where nobody asks for it, as for the data's gradient, XLA drops this product.
    to_x = steps_first(product(to_before, weights.input.T))
    return to_x, to_initial, to_weights, None, None


_plain.defvjp(_plain_forward, _plain_backward)
