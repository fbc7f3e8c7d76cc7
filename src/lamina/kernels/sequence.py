"""A recurrent network's whole sequence as one native call, and its gradient as another (native/recurrence.h).

What the library's cells have in common, however many states and gates they have: LSTM, GRU and the plain network give
their weights in its order, and say which cell reads.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from lamina.kernels import native, precision

States = tuple[Array, ...]

_ENDINGS = {0: "", 1: "_bf16", 3: "_split"}  # of the library's functions, by how many parts a number has in products


class Reader(NamedTuple):
    """The library's cell, how many numbers of a unit it keeps at a step, and whether it reads from the end.

    ``parts``: on the tiles of AMX (native/recurrence_amx.h), of how many numbers of bfloat16 each number is the sum: 1
    where it is rounded, 3 where it is not; 0 elsewhere. :func:`read` says.
    """

    cell: str
    kept: int
    reverse: bool
    parts: int = 0

    def function(self, way: str) -> str:
        """The library's function for the way "forward" or "backward"."""
        return f"{self.cell}_{way}{_ENDINGS[self.parts]}"


class Weights(NamedTuple):
    """``input`` [inputs, gates hidden], ``recurrent`` [hidden, gates hidden], ``bias`` [sums hidden]."""

    input: Array
    recurrent: Array
    bias: Array


def can_be_native(*arrays: Array) -> bool:
    """Whether the library can be called, and takes numbers of these types.

    >>> can_be_native(jnp.zeros(3, jnp.bfloat16))
    False
    """
    there = native.has_tiles() if precision.in_bfloat16(*arrays) else native.usable()
    return there and all(array.dtype == jnp.float32 for array in arrays)


def read(reader: Reader, x: Array, initial: States, weights: Weights, mask: Array | None) -> tuple[Array, States]:
    """The outputs [batch, time, hidden] and the last states, [batch, hidden] each.

    ``initial`` are the states before the first step, h first; ``mask`` [batch, time] says which steps are there (all,
    if None). Reverse-mode gradients only, for everything but the mask. What doesn't fit has been refused before.
    """
    parts = 1 if precision.in_bfloat16(x) else 3 if _fills_tiles(reader, initial[0], mask) else 0
    return _read(reader._replace(parts=parts), x, initial, weights, mask)


def _fills_tiles(reader: Reader, h: Array, mask: Array | None) -> bool:
    """Whether float32 is faster in parts, on tiles: not with few rows, few units, or steps that are padding."""
    batch, hidden = h.shape
    fewest = 128 if reader.cell == "gru" else 64  # measured
    return native.has_tiles() and mask is None and batch >= 64 and hidden >= fewest


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _read(reader: Reader, x: Array, initial: States, weights: Weights, mask: Array | None) -> tuple[Array, States]:
    y, _, _, *last = _call(reader, x, initial, weights, mask, keep=False)
    return y, tuple(last)


def _call(
    reader: Reader, x: Array, initial: States, weights: Weights, mask: Array | None, *, keep: bool
) -> tuple[Array, ...]:
    """Outputs; to ``keep`` for the way back, rows [h, x, 1] and the units' numbers; the last states."""
    (batch, steps, inputs), hidden = x.shape, initial[0].shape[1]
    row, units = _row(hidden + inputs), _in_32s(hidden)
    rows = _on_tiles(reader, batch, steps, (hidden, inputs)) if reader.parts else (batch * steps, row)
    kept = [rows, (batch * steps, reader.kept * units)] if keep else [(0,)] * 2
    shapes = [(batch, steps, hidden), *kept, *(state.shape for state in initial)]
    operands = x, _given(mask), *weights, *initial
    function = reader.function("forward")
    return native.call(function, _floats(shapes), *operands, reverse=reader.reverse, keep=keep, row=row)


def _row(depth: int) -> int:
    """Numbers from a row [h, x, 1] to the next: cache lines in odd number, so that rows don't crowd in the cache."""
    return 16 * (-(-(depth + 1) // 16) | 1)


def _on_tiles(reader: Reader, batch: int, steps: int, widths: tuple[int, int]) -> tuple[int, int]:
    """The room for rows [h, x] as native/recurrence_amx.h has them: blocks of examples, all of it in 32s."""
    blocks = max(batch // 32, 1 + (batch >= 32))
    rows = -(-batch // blocks)
    numbers = _in_32s(rows) * sum(_in_32s(width) for width in widths)
    return blocks * steps, reader.parts * numbers // 2  # two in the room of a float


def _in_32s(count: int) -> int:
    return -(-count // 32) * 32


def _floats(shapes: list[tuple[int, ...]]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]


def _given(mask: Array | None) -> Array:
    return jnp.zeros((0, 0), jnp.bool_) if mask is None else mask


def _forward(reader: Reader, x: Any, initial: Any, weights: Any, mask: Any) -> tuple[tuple[Array, States], Any]:
    initial, weights, mask = jax.tree.map(lambda given: given.value, (initial, weights, mask))
    y, rows, kept, *last = _call(reader, x.value, initial, weights, mask, keep=True)
    # What is not there can't be traced: so the way back learns whether anybody wants the gradient of x.
    wanted = () if x.perturbed else None
    return (y, tuple(last)), (wanted, mask, weights, y, rows, kept)


def _backward(reader: Reader, kept: Any, to: tuple[Any, Any]) -> tuple[Array | None, States, Weights, None]:
    wanted, mask, weights, y, *kept = kept
    to_y, *to_last = (_filled(given) for given in (to[0], *to[1]))
    x_shape = (0,) if wanted is None else (*y.shape[:2], weights.input.shape[0])
    shapes = [x_shape, *(array.shape for array in (*weights, *to_last))]
    operands = _given(mask), weights.input, weights.recurrent, y, *kept, to_y, *to_last
    to_x, *rest = native.call(reader.function("backward"), _floats(shapes), *operands, reverse=reader.reverse)
    return None if wanted is None else to_x, tuple(rest[3:]), Weights(*rest[:3]), None


def _filled(given: Any) -> Array:
    """A cotangent as an array, also where it is known to be zero."""
    return jnp.zeros(given.shape, jnp.float32) if isinstance(given, SymbolicZero) else given


_read.defvjp(_forward, _backward, symbolic_zeros=True)
