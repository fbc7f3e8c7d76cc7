"""The convolution block in bfloat16 on AMX against double precision on rounded numbers, and against its JAX form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax import Array, lax

from lamina.kernels import conv_block as module
from lamina.kernels import native, precision
from lamina.kernels.conv2d import Window
from lamina.kernels.conv_block import Block, conv_block


@pytest.fixture(autouse=True)
def on_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In bfloat16, every kernel on tiles, however small."""
    if not native.has_tiles():
        pytest.skip(f"no native bfloat16 here: {native.status().reason}")
    monkeypatch.setattr(module, "_FEW_TAPS", 0)
    with precision.computing("bfloat16"):
        yield


class Case(NamedTuple):
    """A batch of pictures, a kernel, and what is done with them."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    block: Block = Block()


def pooled(*size: int, stride: tuple[int, int] | None = None) -> Any:
    return size, Window(stride or size)


SAME = Window(padding=((1, 1), (1, 1)))
# One for each way through the kernels.
WAYS = {
    "one by one": Case((2, 3, 5, 9), (1, 1, 9, 17), Block(relu=True)),
    "one channel, all taps in a cell": Case((3, 7, 6, 1), (3, 3, 1, 33), Block(SAME, pooled(2, 2), relu=True)),
    "few channels, a row in a cell": Case((2, 5, 6, 7), (3, 3, 7, 35), Block(SAME, relu=True)),
    "a tap a cell": Case((5, 6, 7, 32), (3, 3, 32, 64), Block(SAME, pooled(2, 2), relu=True)),
    "channels beyond tiles": Case((2, 5, 4, 70), (2, 3, 70, 40), Block(SAME)),
    "stride": Case((2, 8, 9, 20), (3, 2, 20, 7), Block(Window((2, 3), ((1, 0), (0, 2))))),
    "stride, few channels": Case((2, 9, 8, 5), (3, 4, 5, 7), Block(Window((2, 2), ((1, 0), (0, 2))), relu=True)),
    "3x3 side by side": Case((2, 8, 7, 8), (3, 3, 8, 5), Block(SAME, pooled(3, 3), relu=True)),
    "3x3 overlapping": Case((2, 7, 8, 16), (2, 3, 16, 17), Block(SAME, pooled(3, 3, stride=(2, 1)), relu=True)),
    "1x2 with gaps": Case((2, 4, 9, 8), (1, 3, 8, 9), Block(pool=pooled(1, 2, stride=(2, 3)))),
    "a stride beyond": Case((1, 2, 1, 40), (1, 1, 40, 8), Block(Window((1, 5), ((0, 0), (4, 0))))),
    "empty": Case((0, 4, 4, 3), (3, 3, 3, 5), Block(SAME, pooled(2, 2), relu=True)),
}
by_way = pytest.mark.parametrize("case", WAYS.values(), ids=WAYS)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def arrays_of(case: Case) -> list[np.ndarray]:
    return [normal(*case.x), normal(*case.weight), normal(case.weight[3])]


def rounded(x: np.ndarray) -> np.ndarray:
    """The nearest numbers of bfloat16, ties to even, in double precision: by arithmetic on the bits."""
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


class ByHand:
    """The block and its gradients in double precision, tap by tap, with the sums of magnitudes of each."""

    def __init__(self, case: Case, x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> None:
        (self.stride, self.padding, *_), self.pool, self.relu = case.block
        self.x = np.pad(rounded(x), ((0, 0), *self.padding, (0, 0)))
        self.weight, self.size = rounded(weight), x.shape
        axes = zip(self.x.shape[1:3], weight.shape[:2], self.stride, strict=True)
        self.places = tuple((n - k) // s + 1 for n, k, s in axes)
        y, sizes = self.convolved(self.x, self.weight), self.convolved(np.abs(self.x), np.abs(self.weight))
        windows = self.windows(y)
        self.winner = windows.argmax(-1)
        self.y = windows.max(-1) + bias
        self.sizes = self.windows(sizes).max(-1) + np.abs(bias)
        self.alive = self.y > 0 if self.relu else np.ones(self.y.shape, bool)
        self.y = np.where(self.alive, self.y, 0)

    def tap(self, i: int, j: int, of: np.ndarray) -> np.ndarray:
        (height, width), (sy, sx) = self.places, self.stride
        return of[:, i : i + (height - 1) * sy + 1 : sy, j : j + (width - 1) * sx + 1 : sx]

    def convolved(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return sum(self.tap(i, j, x) @ weight[i, j] for i, j in np.ndindex(weight.shape[:2]))

    def windows(self, y: np.ndarray) -> np.ndarray:
        if self.pool is None:
            return y[..., None]
        (height, width), ((sy, sx), *_) = self.pool
        views = np.lib.stride_tricks.sliding_window_view(y, (height, width), (1, 2))[:, ::sy, ::sx]
        return views.reshape(*views.shape[:-2], height * width)

    def spread(self, g: np.ndarray) -> np.ndarray:
        """Each window's gradient at its winner, summed in float32 window by window, then rounded."""
        width, (sy, sx) = (self.pool[0][1], self.pool[1].stride) if self.pool else (1, (1, 1))
        g, to = np.where(self.alive, g, np.float32(0)), np.zeros((len(g), *self.places, g.shape[3]), np.float32)
        n, f = np.ogrid[: len(g), : g.shape[3]]
        for y, x in np.ndindex(g.shape[1:3]):
            down, along = np.divmod(self.winner[:, y, x], width)
            to[n, y * sy + down, x * sx + along, f] += g[:, y, x]
        return rounded(to)

    def pulled(self, g: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        spread, bias = self.spread(g), np.where(self.alive, g, 0).astype(np.float64)
        found = [self._pulled(self.x, self.weight, spread), self._pulled(*map(np.abs, (self.x, self.weight, spread)))]
        sums, sizes = ([*each, b.sum((0, 1, 2))] for each, b in zip(found, (bias, np.abs(bias)), strict=True))
        return sums, sizes

    def _pulled(self, x: np.ndarray, weight: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        to_x, to_weight = np.zeros(x.shape), np.zeros(weight.shape)
        for i, j in np.ndindex(weight.shape[:2]):
            self.tap(i, j, to_x)[...] += g @ weight[i, j].T
            to_weight[i, j] = np.tensordot(self.tap(i, j, x), g, ((0, 1, 2), (0, 1, 2)))
        (above, _), (left, _) = self.padding
        return to_x[:, above : above + self.size[1], left : left + self.size[2]], to_weight


def close(found: Any, expected: np.ndarray, sizes: np.ndarray) -> None:
    """To 1e-5 of the magnitudes of all that was added up."""
    assert found.shape == expected.shape
    np.testing.assert_array_less(np.abs(np.asarray(found, np.float64) - expected), 1e-5 * sizes + 1e-30)


def run(case: Case, x: Array, weight: Array, bias: Array | None = None) -> Array:
    return conv_block(x, weight, bias, case.block)


def pulled(case: Case, *arrays: Any) -> tuple[Array, tuple[Array, ...], tuple[Array, ...]]:
    """The block's values, the gradients of all its arrays, and those where the pictures' isn't asked for."""
    x, *others = map(jnp.asarray, arrays)
    y, pull = jax.vjp(lambda *of: run(case, *of), x, *others)
    g = jnp.asarray(normal(*y.shape))
    return y, pull(g), jax.vjp(lambda *of: run(case, x, *of), *others)[1](g)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    def pair(low: int, high: int) -> tuple[int, int]:
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    kernel, padding = pair(1, 4), (pair(0, 3), pair(0, 3))
    stride = draw(st.sampled_from(((1, 1), (1, 2), (2, 2), (3, 1))))
    pool = draw(st.none() | st.sampled_from(((2, 2), (3, 3), (1, 2))))
    moves = Window(pool if pool and draw(st.booleans()) else pair(1, 3))
    needed = [(p - 1) * s + k - sum(z) for p, s, k, z in zip(pool or (1, 1), stride, kernel, padding, strict=True)]
    height, width = (max(1, n) + more for n, more in zip(needed, pair(0, 9), strict=True))
    channels, features, number = draw(st.integers(1, 70)), draw(st.integers(1, 70)), draw(st.integers(0, 3))
    block = Block(Window(stride, padding), (pool, moves) if pool else None, draw(st.booleans()))
    return Case((number, height, width, channels), (*kernel, channels, features), block)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(cases())
@example(WAYS["a tap a cell"])
def test_any_shape_is_as_by_hand(case: Case) -> None:
    arrays = arrays_of(case)
    expected = ByHand(case, *arrays)
    y, gradients, first_layer = pulled(case, *arrays)
    close(y, expected.y, expected.sizes)
    sums, sizes = expected.pulled(normal(*y.shape))
    for found in (gradients, (gradients[0], *first_layer)):
        for each in zip(found, sums, sizes, strict=True):
            close(*each)


@by_way
def test_each_way_is_as_by_hand_and_as_the_jax_form(case: Case) -> None:
    arrays = arrays_of(case)
    expected = ByHand(case, *arrays)
    sums, sizes = expected.pulled(normal(*expected.y.shape))
    natively = jax.jit(lambda *of: pulled(case, *of))(*arrays)
    with native.kept_out():
        plainly = jax.jit(lambda *of: pulled(case, *of))(*arrays)
    for y, gradients, _ in (natively, plainly):
        close(y, expected.y, expected.sizes)
        for each in zip(gradients, sums, sizes, strict=True):
            close(*each)


@by_way
def test_without_a_bias_the_other_gradients_are_the_same(case: Case) -> None:
    x, weight, bias = map(jnp.asarray, arrays_of(case))
    y, pull = jax.vjp(lambda *of: run(case, *of, jnp.zeros_like(bias)), x, weight)
    _, with_bias, _ = pulled(case, x, weight, jnp.zeros_like(bias))
    for one, other in zip(pull(jnp.asarray(normal(*y.shape))), with_bias[:2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_nan_and_infinity_come_out_where_they_do_of_the_jax_form() -> None:
    case = WAYS["a tap a cell"]
    x, *others = arrays_of(case)
    x[0, 1, 1, 0], x[1, 2, 3, 4] = np.nan, np.inf
    y = run(case, *map(jnp.asarray, (x, *others)))
    with native.kept_out():
        expected = run(case, *map(jnp.asarray, (x, *others)))
    assert np.isnan(y).any()
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(expected))


def test_the_first_of_equals_wins() -> None:
    case = Case((1, 4, 4, 1), (1, 1, 1, 1), Block(pool=pooled(2, 2)))
    x = jnp.asarray([[1, 1, 0, 2], [1, 1, 2, 2], [5, 7, 0, 0], [7, 7, 0, 0]], jnp.float32).reshape(case.x)
    gradient = jax.grad(lambda x: jnp.sum(conv_block(x, jnp.ones(case.weight), None, case.block)))(x)
    assert gradient[0, :, :, 0].tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


@by_way
@pytest.mark.parametrize("number", [1, 17])
def test_threads_leave_every_bit_as_it_is(case: Case, number: int) -> None:
    case = case._replace(x=(number, *case.x[1:]))
    found = []
    for count in (1, 2, 4):
        with native.threads(count):
            found.append(jax.jit(lambda *of: pulled(case, *of))(*arrays_of(case)))
    for other in found[1:]:
        jax.tree.map(np.testing.assert_array_equal, found[0], other)


def test_it_runs_inside_whatever_jax_compiles() -> None:
    case = WAYS["a tap a cell"]
    x, weight, bias = map(jnp.asarray, arrays_of(case))
    weights = jnp.stack([weight, weight + 1, -weight])

    def gradient(weight: Array) -> Array:
        y, pull = jax.vjp(lambda weight: conv_block(x, weight, bias, case.block), weight)
        return pull(jnp.asarray(normal(*y.shape)))[0]

    def each(weights: Array) -> dict[str, Array]:
        return {
            "vmap": jax.vmap(gradient)(weights),
            "map": lax.map(gradient, weights),
            "scan": lax.scan(lambda total, w: (total + gradient(w), gradient(w)), jnp.zeros_like(weight), weights)[1],
        }

    expected = np.stack([gradient(w) for w in weights])
    for name, gradients in jax.jit(each)(weights).items():
        np.testing.assert_array_equal(gradients, expected, err_msg=name)


def functions(case: Case, *, wanted: bool) -> set[str]:
    """The library's functions in the compiled gradient."""
    arrays = arrays_of(case)
    over = (0, 1) if wanted else (1,)
    gradient = jax.grad(lambda *of: jnp.sum(run(case, *of)), over)
    text = jax.jit(gradient).lower(*arrays).as_text()
    names = ("forward_bf16", "forward.", "backward_bf16", "backward.")
    return {name.rstrip(".") for name in names if f"lamina_conv2d_{name}" in text}


def test_tiles_are_for_what_they_pay_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few taps, as a first layer has them, stay in float32, but for the gradient of their pictures."""
    monkeypatch.undo()
    first, second = WAYS["one channel, all taps in a cell"], WAYS["a tap a cell"]
    assert functions(first, wanted=False) == {"forward", "backward"}
    assert functions(first, wanted=True) == {"forward", "backward_bf16"}
    assert functions(second, wanted=False) == functions(second, wanted=True) == {"forward_bf16", "backward_bf16"}
    with precision.computing("float32"):
        assert functions(second, wanted=True) == {"forward", "backward"}
