"""The native step of Adam against the chain that says what it is, and by hand in double precision."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax

from lamina import optimizers
from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.adam import Moments, Pace, adam
from lamina.training.recipe import Recipe
from lamina.training.vector import Layout

SHAPES = ((3, 3, 2, 5), (5,), (), (0, 4), (129, 131), (131,))  # one of them is several pieces of work
PLAIN = {"learning_rate": 0.01}
PENALISED = {"learning_rate": 0.1, "weight_decay": 0.2, "l1": 0.3, "l2": 0.1, "clip_norm": 2.0, "beta2": 0.9}


def drawn(shapes: tuple[tuple[int, ...], ...], seed: int, times: float = 1.0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.normal(size=shape) * times, jnp.float32) for shape in shapes]


def size_of(arrays: list[Array]) -> int:
    return sum(array.size for array in arrays)


def numbers_of(changes: dict[str, float]) -> dict[str, Array]:
    return {name: jnp.asarray(of) for name, of in Recipe(**changes).numbers().items()}  # type: ignore[arg-type]


def stepped(changes: dict[str, float], parameters: list[Array], *gradients: list[Array]) -> Any:
    """Parameters, moments, the last gradient's length and squares after as many steps as there are gradients."""
    numbers, decays = numbers_of(changes), [array.ndim > 1 for array in parameters]
    moments = Moments(*[jnp.zeros(size_of(parameters))] * 2)
    found: Any = None
    for done, gradient in enumerate(gradients):
        values = [numbers["learning_rate"], *(numbers[name] for name in Pace._fields[1:-1])]
        found = adam(parameters, gradient, moments, Pace(*values, jnp.int32(done)), decays=decays)
        parameters, moments = found.parameters, found.moments
    return found


def chained(changes: dict[str, float], parameters: list[Array], *gradients: list[Array]) -> Any:
    """The same by `lamina.optimizers`."""
    layout = Layout(tuple(map(str, range(len(parameters)))), tuple(array.shape for array in parameters))
    pack = lambda arrays: layout.pack(dict(zip(layout.paths, arrays, strict=True)))  # noqa: E731
    numbers = {**numbers_of(changes), "total_steps": jnp.float32(10)}
    chain = optimizers.optimizer("adamw", "constant", numbers, decays=layout.decays(), tree=(layout.unpack, pack))
    vector, before, gradient = pack(parameters), pack(parameters), pack(parameters)
    state = chain.init(vector)
    for each in gradients:
        before, gradient = vector, pack(each)
        updates, state = chain.update(gradient, state, vector)
        vector = vector + updates
    pairs = zip(layout.unpack(vector).values(), layout.unpack(before).values(), strict=True)
    squares = [jnp.stack([jnp.vdot(a - b, a - b), jnp.vdot(b, b)]) for a, b in pairs]
    moments = Moments(*optimizers.adam_moments(state))
    return list(layout.unpack(vector).values()), moments, jnp.sqrt(jnp.vdot(gradient, gradient)), jnp.stack(squares)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [PLAIN, PENALISED], ids=["plain", "penalised"])
def test_three_steps_are_those_of_the_chain(forms, changes: dict[str, float]) -> None:
    parameters, *gradients = (drawn(SHAPES, seed) for seed in range(4))
    expected = jax.jit(partial(chained, changes))(parameters, *gradients)
    for found in forms.native(lambda *arrays: jax.jit(partial(stepped, changes))(*arrays), parameters, *gradients):
        *close, squares = tuple(found)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-6), tuple(close), expected[:-1])
        # The chain's own way is a difference of parameters, which rounds.
        np.testing.assert_allclose(squares, expected[-1], rtol=1e-3, atol=1e-10)


@pytest.mark.slow
@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=3), st.floats(0.1, 1000), st.booleans())
def test_one_step_by_hand(forms, sizes: list[int], times: float, clips: bool) -> None:
    """Kingma and Ba's algorithm 1 in double precision: the first step is the gradient's sign, whatever its size."""
    shapes = tuple((size,) for size in sizes)
    parameters, gradients = drawn(shapes, 0), drawn(shapes, 1, times)
    norm = np.sqrt(sum(np.square(np.asarray(g, np.float64)).sum() for g in gradients))
    changes = {"learning_rate": 0.1, "clip_norm": 1.0 if clips else 0.0}
    for found in forms.native(partial(stepped, changes), parameters, gradients):
        assert float(found.norm) == pytest.approx(norm, rel=1e-5)
        for before, gradient, after in zip(parameters, gradients, found.parameters, strict=True):
            g = np.asarray(gradient, np.float64) * (min(1.0, 1.0 / norm) if clips and norm else 1.0)
            np.testing.assert_allclose(after, before - 0.1 * g / (np.abs(g) + 1e-8), rtol=1e-5, atol=1e-6)


def test_threads_leave_every_bit_as_it_is(forms) -> None:
    def each(*arrays: Any) -> list[Any]:
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append(stepped(PENALISED, *arrays))
        return found

    for one, *more in forms.native(
        lambda *arrays: jax.jit(lambda *a: each(*a))(*arrays), drawn(SHAPES, 0), drawn(SHAPES, 1)
    ):
        for other in more:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_it_runs_inside_whatever_jax_compiles(forms) -> None:
    shapes = ((7, 9), (9,))
    parameters, gradients = drawn(shapes, 0), drawn(shapes, 1)
    several = [jnp.stack([g, -g, 2 * g]) for g in gradients]

    def each(several: list[Array]) -> dict[str, Any]:
        one: Any = lambda gradient: tuple(stepped(PENALISED, parameters, gradient))  # noqa: E731 - traced once each
        return {
            "vmap": jax.vmap(one)(several),
            "map": lax.map(one, several),
            "scan": lax.scan(lambda _, g: (None, one(g)), None, several)[1],
            "cond": lax.map(lambda g: lax.cond(g[0][0, 0] < 99, one, lambda g: one([-of for of in g]), g), several),
        }

    alone = forms.native(lambda: [tuple(stepped(PENALISED, parameters, [g[at] for g in several])) for at in range(3)])
    for ones, found in zip(
        alone, forms.native(lambda several: jax.jit(lambda s: each(s))(several), several), strict=True
    ):
        expected = jax.tree.map(lambda *of: jnp.stack(of), *ones)
        for made in found.values():
            jax.tree.map(np.testing.assert_array_equal, made, expected)


def test_what_it_was_given_stays_as_it_was(forms) -> None:
    """The call may write where parameters lie: not where they are still wanted."""
    parameters, gradients = drawn(SHAPES, 0), drawn(SHAPES, 1)
    kept = [np.array(of) for of in parameters]
    for before, found in forms.native(jax.jit(lambda p, g: (p, stepped(PLAIN, p, g))), parameters, gradients):
        jax.tree.map(np.testing.assert_array_equal, (before, parameters), (kept, kept))
        assert not np.array_equal(found.parameters[0], kept[0])


@pytest.mark.parametrize(
    ("parameters", "gradients", "size"),
    [
        ([jnp.zeros(3)], [jnp.zeros(4)], 3),
        ([jnp.zeros(3)], [], 3),
        ([jnp.zeros(3)], [jnp.zeros(3)], 4),
        ([jnp.zeros(3, jnp.bfloat16)], [jnp.zeros(3, jnp.bfloat16)], 3),
    ],
)
def test_arrays_that_dont_pair_are_said(parameters: list[Array], gradients: list[Array], size: int) -> None:
    moments = Moments(jnp.zeros(size), jnp.zeros(size))
    pace = Pace(*[jnp.float32(0)] * 7, jnp.int32(0))
    with pytest.raises(ShapeError, match="Adam was given"):
        adam(parameters, gradients, moments, pace, decays=[True])
