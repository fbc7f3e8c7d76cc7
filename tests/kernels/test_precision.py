"""Products of numbers rounded to bfloat16, natively and through XLA, against double precision on rounded numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from lamina.kernels import native, precision
from lamina.kernels.conv2d import Window, _of_halves
from lamina.kernels.conv_block import Block, conv_block
from lamina.kernels.dense import dense
from lamina.kernels.gru import GRUWeights, gru
from lamina.kernels.lstm import LSTMWeights, lstm
from lamina.kernels.rnn import RNNWeights, rnn

FORMS = ("native", "jax")
SHAPES = ((1, 1, 1), (3, 5, 7), (16, 32, 16), (33, 31, 17), (64, 600, 10), (128, 1030, 96), (300, 65, 33))


def at(form: str) -> contextlib.AbstractContextManager[None]:
    """One form of the operations; skipped where the processor hasn't got it."""
    if form == "native" and not native.has_tiles():
        pytest.skip(f"no native bfloat16 here: {native.status().reason}")
    return native.kept_out(form == "jax")


@pytest.fixture(autouse=True)
def in_bfloat16() -> Iterator[None]:
    with precision.computing("bfloat16"):
        yield


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def rounded(x: np.ndarray) -> np.ndarray:
    """The nearest numbers of bfloat16, ties to even, in double precision: by arithmetic on the bits."""
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    up = bits + 0x7FFF + ((bits >> 16) & 1)
    return (up & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def close(found: jax.Array, expected: np.ndarray, to: float = 1e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=to * max(np.abs(expected).max(initial=0), 1e-30))


def gradients(
    function: Callable[..., jax.Array], *operands: np.ndarray
) -> tuple[jax.Array, list[jax.Array], np.ndarray]:
    """What comes out, the gradients of all operands, and the output's gradient that they are for."""
    y, back = jax.vjp(function, *map(jnp.asarray, operands))
    g = numbers(*y.shape, seed=9)
    return y, list(back(jnp.asarray(g))), g


def test_numbers_are_rounded_to_the_nearest_and_ties_to_even() -> None:
    x = np.float32([1, 1 + 2**-8, 1 + 3 * 2**-8, -1.001, 3e38, 0.1])
    np.testing.assert_array_equal(precision.halves(jnp.asarray(x)).astype(jnp.float32), rounded(x))
    np.testing.assert_array_equal(jax.jit(precision.rounded)(x), rounded(x))


def test_what_is_traced_outside_is_in_float32() -> None:
    with precision.computing("float32"):
        assert not precision.in_bfloat16()
        x, w = numbers(40, 100), numbers(100, 30)
        close(dense(x, w, None), x.astype(np.float64) @ w, 1e-6)
    assert precision.in_bfloat16()
    assert not precision.in_bfloat16(jnp.zeros(1, jnp.int32))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_dense_layer_is_the_product_of_rounded_numbers(form, shape) -> None:
    (rows, inputs, features) = shape
    x, w, b = numbers(rows, inputs), numbers(inputs, features), numbers(features)
    with at(form):
        y, (dx, dw, db), g = gradients(dense, x, w, b)
    close(y, rounded(x) @ rounded(w) + b)
    close(dx, rounded(g) @ rounded(w).T)
    close(dw, rounded(x).T @ rounded(g))
    close(db, g.astype(np.float64).sum(axis=0))


@pytest.mark.parametrize("form", FORMS)
def test_relu_silences_the_gradient_before_it_is_rounded(form) -> None:
    x, w, b = numbers(2, 9, 40), numbers(40, 24), numbers(24)
    with at(form):
        y, (dx, dw, db), g = gradients(lambda *of: dense(*of, relu=True), x, w, b)
    before = rounded(x) @ rounded(w) + b
    close(y, np.maximum(before, 0))
    g = np.where(np.asarray(y) > 0, g, 0)
    close(dx, rounded(g) @ rounded(w).T)
    close(dw, np.tensordot(rounded(x), rounded(g), ((0, 1), (0, 1))))
    close(db, g.sum(axis=(0, 1), dtype=np.float64))


@pytest.mark.parametrize("form", FORMS)
def test_inside_whatever_jax_compiles(form) -> None:
    x, w = numbers(4, 6, 40), numbers(40, 24)
    with at(form):
        one = jax.jit(lambda x: dense(x, w, None, relu=True))
        expected = np.maximum(rounded(x) @ rounded(w), 0)
        close(one(x), expected)
        close(jax.vmap(one)(x), expected)
        close(jax.lax.map(one, x), expected)
        mesh = Mesh(np.array(jax.devices("cpu")[:2]), ("cores",))
        spread = jax.shard_map(one, mesh=mesh, in_specs=PartitionSpec("cores"), out_specs=PartitionSpec("cores"))
        close(jax.jit(spread)(x), expected)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    x, w, b = numbers(512, 700), numbers(700, 300), numbers(300)

    def all_of_it(*operands: jax.Array) -> tuple[jax.Array, ...]:
        y, back = jax.vjp(lambda *of: dense(*of, relu=True), *operands)
        return y, *back(y)

    with at("native"):
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append(jax.jit(lambda *of: all_of_it(*of))(x, w, b))
    for others in found[1:]:
        jax.tree.map(np.testing.assert_array_equal, others, found[0])


@pytest.mark.parametrize("form", FORMS)
def test_nan_and_infinity_come_through(form) -> None:
    x, w = np.ones((40, 33), np.float32), np.ones((33, 20), np.float32)
    x[3, 5], x[7, 1] = np.nan, np.inf
    with at(form):
        y = np.asarray(dense(x, w, None))
    assert np.isnan(y[3]).all()
    assert np.isinf(y[7]).all()
    np.testing.assert_array_equal(np.delete(y, (3, 7), axis=0), 33)


def convolved(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """A kernel over pictures with a frame of zeros, in double precision."""
    height, width = x.shape[1:3]
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [(i, j) for i in range(3) for j in range(3)]
    return sum(framed[:, i : i + height, j : j + width] @ w[i, j] for i, j in taps)


SAME = Window(padding=((1, 1), (1, 1)))


def test_a_convolution_is_one_of_rounded_numbers_and_so_are_its_gradients() -> None:
    x, w, b = numbers(3, 6, 5, 4), numbers(3, 3, 4, 8), numbers(8)
    with at("jax"):
        y, (dx, dw, _), g = gradients(lambda *of: conv_block(*of, Block(SAME)), x, w, b)
    close(y, convolved(rounded(x), rounded(w)) + b)
    close(dx, convolved(rounded(g), rounded(w)[::-1, ::-1].swapaxes(2, 3)))
    framed = np.pad(rounded(x), ((0, 0), (1, 1), (1, 1), (0, 0)))
    sums = [
        [np.tensordot(framed[:, i : i + 6, j : j + 5], rounded(g), ((0, 1, 2),) * 2) for j in range(3)]
        for i in range(3)
    ]
    close(dw, np.array(sums))


def test_what_a_gpu_runs_is_the_same_but_for_the_rounding_of_gradients() -> None:
    x, w = numbers(3, 6, 5, 4), numbers(3, 3, 4, 8)
    y, (dx, _), g = gradients(lambda *of: _of_halves(SAME, *of), x, w)
    close(y, convolved(rounded(x), rounded(w)))
    close(dx, convolved(rounded(g), rounded(w)[::-1, ::-1].swapaxes(2, 3)), 5e-3)


# --- recurrences -----------------------------------------------------------------------------------------------------

every_cell = pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])


def cell(name: str, mask: np.ndarray | None = None, *, reverse: bool = False) -> Callable[..., jax.Array]:
    """A cell as a function of x, an initial state and the arrays of its weights, of the outputs alone."""

    def read(x: jax.Array, h: jax.Array, *weights: jax.Array) -> jax.Array:
        if name == "lstm":
            return lstm(x, (h, 0.5 * h), LSTMWeights(*weights), mask, reverse=reverse)[0]
        if name == "gru":
            return gru(x, h, GRUWeights(*weights), mask, reverse=reverse)[0]
        return rnn(x, h, RNNWeights(*weights), mask, reverse=reverse)[0]

    return read


def problem(name: str, batch: int, steps: int, inputs: int, hidden: int) -> list[np.ndarray]:
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[name]
    small = np.float32((inputs + hidden) ** -0.5)
    weights = [
        numbers(inputs, gates * hidden) * small,
        numbers(hidden, gates * hidden) * small,
        numbers(gates * hidden),
    ]
    more = [numbers(hidden)] if name == "gru" else []
    return [numbers(batch, steps, inputs), numbers(batch, hidden), *weights, *more]


def pieces(function: Callable[..., jax.Array], operands: list[np.ndarray]) -> list[jax.Array]:
    y, found, _ = jax.jit(lambda *of: gradients(function, *of))(*operands)
    return [y, *found]


@every_cell
@pytest.mark.parametrize("size", [(2, 1, 5, 3), (5, 3, 5, 7), (33, 5, 40, 50), (96, 7, 28, 128)])
@pytest.mark.parametrize("way", ["whole", "masked", "reversed"])
def test_a_recurrence_is_the_same_natively_and_through_xla(name, size, way) -> None:
    """To roundings: a number that lies between two of bfloat16 is rounded either way, and the steps carry it on."""
    mask = np.random.default_rng(0).random(size[:2]) < 0.7 if way == "masked" else None
    read, operands = cell(name, mask, reverse=way == "reversed"), problem(name, *size)
    with at("native"):
        found = pieces(read, operands)
    with at("jax"):
        expected = pieces(read, operands)
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, np.asarray(theirs), 1e-2)


@pytest.mark.parametrize("form", FORMS)
def test_one_step_is_one_product_of_rounded_numbers(form) -> None:
    x, h, w, u, b = problem("rnn", 40, 1, 70, 33)
    with at(form):
        y, (dx, dh, dw, du, db), g = gradients(cell("rnn"), x, h, w, u, b)
    before = rounded(x[:, 0]) @ rounded(w) + rounded(h) @ rounded(u) + b
    close(y[:, 0], np.tanh(before))
    to_sums = (g[:, 0] * (1 - np.asarray(y)[:, 0] ** 2)).astype(np.float32)
    close(db, to_sums.sum(axis=0, dtype=np.float64))
    close(dx[:, 0], rounded(to_sums) @ rounded(w).T, 1e-3)  # to a rounding of some of `to_sums`
    close(dh, rounded(to_sums) @ rounded(u).T, 1e-3)
    close(dw, rounded(x[:, 0]).T @ rounded(to_sums), 1e-3)
    close(du, rounded(h).T @ rounded(to_sums), 1e-3)


@every_cell
def test_a_recurrence_differs_from_float32_by_roundings_alone(name) -> None:
    read, operands = cell(name), problem(name, 64, 6, 20, 40)
    with at("native"):
        found = pieces(read, operands)
    with precision.computing("float32"):
        expected = pieces(read, operands)
    for ours, theirs in zip(found, expected, strict=True):
        close(ours, np.asarray(theirs), 3e-2)
        assert not np.array_equal(ours, theirs)


@every_cell
def test_any_number_of_threads_gives_a_recurrence_the_same_bits(name) -> None:
    mask = np.random.default_rng(0).random((130, 5)) < 0.7
    with at("native"):
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append(pieces(cell(name, mask), problem(name, 130, 5, 28, 64)))
    for others in found[1:]:
        jax.tree.map(np.testing.assert_array_equal, others, found[0])


def test_a_step_of_padding_that_holds_nan_does_no_harm() -> None:
    x, *others = problem("lstm", 40, 4, 6, 8)
    mask = np.ones((40, 4), bool)
    mask[3, 2:] = False
    x[3, 2:] = np.nan
    with at("native"):
        found = pieces(cell("lstm", mask), [x, *others])
    assert all(np.isfinite(array).all() for array in found)
