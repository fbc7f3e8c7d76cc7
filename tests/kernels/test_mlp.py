"""Training a chain of dense layers natively against the same steps in double precision by jax.grad, and differences."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec

from lamina import losses
from lamina.errors import ShapeError
from lamina.kernels import mlp, native
from lamina.kernels.mlp import Chain, Examples, Moving, Steps, Trained
from lamina.kernels.random_bits import random_bits
from lamina.kernels.table import Category, Table
from lamina.network.activation import activate

RATE = 0.01
# Compiled in haste: most of a test would be the compiler's time.
hasty = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
NAMES = ("parameters", "first", "second", "before", "measures")


class Rows(NamedTuple):
    """What a table's rows hold: numbers, then categories, (codes, features of a code's vector or 0 for indicators)."""

    numbers: int
    frequencies: int = 0
    categories: tuple[tuple[int, int], ...] = ()


class Case(NamedTuple):
    """A chain and how it is trained."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    biased: tuple[bool, ...]
    dropped: tuple[float, ...]  # below 0: no dropout before that layer
    batch: int = 5
    steps: int = 2
    rows: int = 11  # of which the first step has one less than a batch, and one more step has none
    pictures: bool = False
    values: bool = False
    numbers: tuple[float, ...] = (0.9, 0.999, 0.0, 0.0, 0.0, 0.0, 0.0)
    table: Rows | None = None


def plain(*sizes: int, activation: str = "relu", **more: Any) -> Case:
    layers = len(sizes) - 1
    case = Case(sizes, (activation,) * (layers - 1) + ("linear",), (True,) * layers, (-1.0,) * layers)
    return case._replace(**more)


def tabled(table: Rows, *sizes: int, **more: Any) -> Case:
    """The same behind a table's input."""
    categories = sum(width or codes - 1 for codes, width in table.categories)
    return plain(table.numbers * (4 if table.frequencies else 1) + categories, *sizes, table=table, **more)


CASES = {
    "one layer": plain(3, 4),
    "relu": plain(7, 17, 3),
    "tanh, one example": plain(5, 8, 33, 2, activation="tanh", batch=1),
    "sigmoid, pictures": plain(19, 9, 5, activation="sigmoid", pictures=True),
    "silu, values": plain(4, 16, 1, activation="silu", values=True, batch=17, rows=30),
    "no bias": plain(6, 8, 8, 2)._replace(biased=(False, True, False)),
    "dropout": plain(6, 18, 9, 4, batch=8)._replace(dropped=(0.2, 0.5, -1.0)),
    "dropout of nothing": plain(6, 7, 4)._replace(dropped=(-1.0, 0.0)),
    "penalties, decay, smoothing": plain(6, 9, 4, numbers=(0.8, 0.99, 0.1, 0.01, 0.05, 0.0, 0.2)),
    "clipped": plain(6, 9, 4, numbers=(0.9, 0.999, 0.0, 0.02, 0.0, 0.1, 0.0), steps=3),
    # Layers of whole vectors move while their gradient is summed: tiles that are full, and a few rows more.
    "whole vectors": plain(37, 48, 64, 10, batch=33, steps=3),
    "whole vectors, decay": plain(64, 32, 16, 3, batch=64, numbers=(0.8, 0.99, 0.1, 0.0, 0.0, 0.0, 0.0)),
    "whole vectors, panels": plain(5, 288, 16, batch=17),
    "waves": tabled(Rows(3, 4), 9, 2, batch=20, rows=40, steps=3),
    "waves, decay, values": tabled(Rows(2, 17), 16, 1, values=True, batch=70, numbers=(0.9, 0.99, 0.1, *(0.0,) * 4)),
    "waves, clipped": tabled(Rows(3, 2), 5, 2, numbers=(0.9, 0.999, 0.0, 0.02, 0.01, 0.1, 0.0)),
    "waves, dropout": tabled(Rows(2, 3), 8, 2, batch=18)._replace(dropped=(0.3, 0.2)),
    "indicators": tabled(Rows(2, 0, ((4, 0), (2, 0))), 7, 3),
    "vectors between indicators": tabled(Rows(1, 0, ((4, 0), (12, 5), (3, 0), (20, 2))), 6, 3, steps=4),
    "codes alone": tabled(Rows(0, 0, ((6, 3), (3, 0))), 4, 2),
    "all of a table": tabled(Rows(3, 5, ((4, 0), (12, 5))), 16, 3, batch=33, rows=50)._replace(dropped=(0.1, -1.0)),
    "one class": plain(3, 5, 1),
    "no steps": plain(3, 5, 2, steps=0),
}
by_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


class Problem(NamedTuple):
    """The arguments of the call."""

    chain: Chain
    moving: Moving
    decays: Array
    examples: Examples
    steps: Steps


def problem_of(case: Case, seed: int = 0) -> Problem:
    """Two fits of the inputs, of which the second is used; three updates were made before."""
    rng = np.random.default_rng([seed, *case.sizes])
    weights, biases, decays, values = [], [], [], []
    table = case.table and table_of(case.table, rng, values, decays)
    for i, o, biased in zip(case.sizes[:-1], case.sizes[1:], case.biased, strict=True):
        weights.append(sum(map(len, values)))
        values += [rng.normal(size=i * o) / np.sqrt(i), 0.1 * rng.normal(size=o * biased)]
        biases.append(weights[-1] + i * o if biased else -1)
        decays += [np.ones(i * o), np.zeros(o * biased)]
    size = sum(map(len, values))
    shape = (2, case.rows, table.width if table else case.sizes[0])
    inputs = rng.integers(0, 256, shape).astype(np.uint8) if case.pictures else floats(rng.normal(size=shape))
    if case.table:
        codes = [rng.integers(0, codes, shape[:2]) for codes, _ in case.table.categories]
        inputs = jnp.concatenate([inputs[..., : case.table.numbers], *(floats(of)[..., None] for of in codes)], axis=2)
    scale, shift = (1 / 128, -1.0) if case.pictures else (1.0, 0.0)
    targets = floats(rng.normal(size=case.rows)) if case.values else rng.integers(0, case.sizes[-1], case.rows)
    rows = rng.integers(0, case.rows, (case.steps + 1, case.batch)).astype(np.int32)
    rows[0, 1:2] = rows[-1] = -1
    return Problem(
        Chain(case.sizes, case.activations, tuple(weights), tuple(biases), table),
        Moving(floats(np.concatenate(values)), floats(rng.normal(size=size)) / 9, floats(rng.random(size)) / 9),
        floats(np.concatenate(decays)),
        Examples(
            jnp.asarray(inputs),
            floats(scale + np.zeros(case.sizes[0])),
            floats(shift + np.zeros(case.sizes[0])),
            targets if case.values else jnp.asarray(targets, jnp.int32),
            floats(rng.uniform(0.5, 2, case.rows)),
        ),
        Steps(
            jnp.asarray(rows),
            floats(RATE * rng.uniform(0.5, 1, case.steps + 1)),
            jnp.asarray(rng.integers(0, 2**32, (case.steps + 1, len(case.activations), 2), np.uint32)),
            floats(case.dropped),
            floats([*case.numbers, 0.5, 2.0]),
            jnp.asarray([1, 3], jnp.int32),
        ),
    )


def table_of(rows: Rows, rng: np.random.Generator, values: list[np.ndarray], decays: list[np.ndarray]) -> Table:
    """Its parameters are added to the lists; indicators take the first features behind the numbers' own."""
    n, k = rows.numbers, rows.frequencies
    places = []
    for size, scale in ((n * k, 0.3), (n * k, 2.0), (3 * n * k, 0.5), (3 * n * (k > 0), 0.5)):
        places.append(sum(map(len, values)) if k else -1)
        values.append(rng.normal(size=size) * scale)
        decays.append(np.full(size, float(scale < 1)))
    categories, feature = {}, n * (4 if k else 1)
    for column, (codes, width) in sorted(enumerate(rows.categories), key=lambda of: of[1][1] > 0):
        categories[column] = Category(codes, width or codes - 1, feature, sum(map(len, values)) if width else -1)
        feature += categories[column].features
        values.append(rng.normal(size=(codes - 1) * width))
        decays.append(np.ones((codes - 1) * width))
    return Table(n, k, *places, tuple(categories[column] for column in sorted(categories)))


def features(table: Table, parameters: Any, x: np.ndarray) -> Any:
    """What the first layer reads of rows: Holzmueller et al. 2024, section 3 (PBLD); codes as indicators or vectors."""
    n, k = table.numbers, table.frequencies

    def stretch(at: int, *shape: int) -> Any:
        return parameters[at : at + int(np.prod(shape))].reshape(shape)

    numbers, parts = jnp.asarray(x[:, :n]), {}
    if k:
        waves = jnp.cos(2 * np.pi * numbers[:, :, None] * stretch(table.waves, n, k) + stretch(table.phases, n, k))
        made = (waves[..., None] * stretch(table.weight, n, k, 3)).sum(2) + stretch(table.bias, n, 3)
        numbers = jnp.concatenate([numbers, made.reshape(len(x), -1)], axis=1)
    for column, of in enumerate(table.categories, start=n):
        hot = jnp.asarray(x[:, column, None] == np.arange(1, of.codes), numbers.dtype)
        parts[of.place] = hot if of.vectors < 0 else hot @ stretch(of.vectors, of.codes - 1, of.features)
    return jnp.concatenate([numbers, *(parts[place] for place in sorted(parts))], axis=1)


def floats(values: Any) -> Array:
    return jnp.asarray(np.asarray(values, np.float32))


def train(problem: Problem) -> Trained:
    return mlp.train(*problem)


drawn = jax.jit(random_bits, static_argnums=1)


class Batch(NamedTuple):
    """What one step sees."""

    x: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    present: np.ndarray
    factors: list[np.ndarray]  # what each layer's dropout multiplies its inputs by


def batch_of(problem: Problem, step: int) -> Batch:
    _, examples, steps = problem.chain, problem.examples, problem.steps
    rows = np.asarray(steps.rows[step])
    x = np.asarray(examples.inputs, np.float64)[1, rows]
    if problem.chain.table is None:
        x = x * np.asarray(examples.scale) + np.asarray(examples.shift)
    weights = np.where(rows >= 0, np.asarray(examples.weights, np.float64)[rows], 0)
    factors = []
    for layer, rate in enumerate(np.asarray(steps.dropped)):
        key = jax.random.wrap_key_data(steps.keys[step, layer])
        bits = drawn(key, (len(rows), problem.chain.sizes[layer])) if rate >= 0 else np.uint32(2**32 - 1)
        factors.append(np.where(np.asarray(bits >> 8) < rate * 2**24, 0.0, 1 / (1 - max(rate, 0.0))))
    return Batch(x, np.asarray(examples.targets)[rows], weights / weights.sum(), rows >= 0, factors)


def loss(problem: Problem, parameters: Any, batch: Batch) -> tuple[Any, Any]:
    """Of a batch, and the outputs."""
    chain, numbers = problem.chain, problem.steps.numbers
    y = batch.x if chain.table is None else features(chain.table, parameters, batch.x)
    for layer, (i, o) in enumerate(zip(chain.sizes[:-1], chain.sizes[1:], strict=True)):
        at, offset = chain.weights[layer], chain.biases[layer]
        y = jnp.asarray(y) * batch.factors[layer] @ parameters[at : at + i * o].reshape(i, o)
        y = activate(chain.activations[layer], y + (parameters[offset : offset + o] if offset >= 0 else 0.0))
    if problem.examples.targets.dtype == jnp.float32:
        each = losses.squared(y, (batch.targets - numbers[7].astype(y.dtype)) / numbers[8].astype(y.dtype), {})
    else:
        each = losses.softmax_cross_entropy(y, batch.targets, {"label_smoothing": numbers[6].astype(y.dtype)})
    return jnp.sum(each * batch.weights), y


def measures_of(problem: Problem, batch: Batch, value: float, outputs: np.ndarray, norm: float) -> list[float]:
    present, targets = batch.present, batch.targets
    if targets.dtype == np.float32:
        off = outputs[:, 0] - (targets - 0.5) / 2
        right, errors = 0, (np.sum(off[present] ** 2), np.sum(np.abs(off[present])))
    else:
        right, errors = np.sum((outputs.argmax(1) == targets)[present]), (0, 0)
    return [value * present.sum(), present.sum(), norm, 1, right, *errors]


def expected(problem: Problem) -> tuple[Any, ...]:
    """Parameters, both moments, the parameters before the last update, and the measures, in double precision.

    Source of the update: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
    """
    b1, b2, decay, l1, l2, clip, *_ = np.asarray(problem.steps.numbers, np.float64)
    p, m, v = (np.asarray(a, np.float64) for a in problem.moving)
    decays, before, measures = np.asarray(problem.decays), p, np.zeros(7)
    with jax.enable_x64(True):
        slopes = hasty(jax.value_and_grad(partial(loss, problem), has_aux=True))
        for step in range(problem.steps.rows.shape[0] - 1):
            batch = batch_of(problem, step)
            (value, outputs), g = jax.tree.map(np.asarray, slopes(p, batch))
            measures += measures_of(problem, batch, value, outputs, float(np.linalg.norm(g)))
            g = g + decays * (l1 * np.sign(p) + l2 * p)
            g = g * min(1, clip / np.linalg.norm(g)) if clip else g
            m, v, before = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2, p
            count = 3 + step + 1
            towards = m / (1 - b1**count) / (np.sqrt(v / (1 - b2**count)) + 1e-8) + decay * decays * p
            p = p - float(problem.steps.rates[step]) * towards
    return p, m, v, before, measures


def agree(forms: Any, problem: Problem) -> None:
    """To 3e-5 of numbers about 1: single against double precision."""
    wanted = expected(problem)
    for found in forms.native(train, problem):
        made = *found.moving, found.before, found.measures
        for name, ours, theirs in zip(NAMES, made, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=3e-5, atol=3e-6, err_msg=name)
        assert int(found.done) == problem.steps.rows.shape[0] - 1


@by_case
def test_steps_are_those_of_jax_in_double_precision(forms, case: Case) -> None:
    agree(forms, problem_of(case))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    width = st.sampled_from((1, 2, 5, 8, 15, 16, 17, 33))
    sizes = tuple(draw(st.lists(width, min_size=2, max_size=4)))
    layers, values = len(sizes) - 1, draw(st.booleans())
    rate = st.sampled_from((-1.0, 0.0, 0.3))
    category = st.tuples(st.integers(2, 12), st.sampled_from((0, 0, 1, 5)))
    table = draw(
        st.none() | st.builds(Rows, st.integers(1, 9), st.integers(0, 6), st.lists(category, max_size=3).map(tuple))
    )

    def each(one: st.SearchStrategy[Any], count: int) -> tuple[Any, ...]:
        return tuple(draw(st.lists(one, min_size=count, max_size=count)))

    sizes = (*sizes[:-1], 1) if values else sizes
    return Case(
        sizes if table is None else (*tabled(table).sizes, *sizes[1:]),
        (*each(st.sampled_from(mlp.ACTIVATIONS), layers - 1), "linear"),
        each(st.booleans(), layers),
        each(rate, layers),
        batch=draw(st.sampled_from((1, 2, 7, 16, 21))),
        steps=draw(st.integers(1, 2)),
        pictures=table is None and draw(st.booleans()),
        values=values,
        numbers=(0.9, 0.99, 0.1, *each(st.sampled_from((0.0, 0.01)), 2), draw(st.sampled_from((0.0, 0.3, 1e9))), 0.1),
        table=table,
    )


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True)
@given(cases())
def test_any_chain(forms, case: Case) -> None:
    agree(forms, problem_of(case))


@pytest.mark.parametrize(
    "name", ["tanh, one example", "silu, values", "dropout", "penalties, decay, smoothing", "all of a table"]
)
def test_gradient_against_finite_differences(forms, name: str) -> None:
    """Adam's first moment after one step from zero is the gradient times 1 - b1: slopes to 1e-5 of what they add up."""
    case = CASES[name]
    problem = problem_of(case._replace(steps=1, numbers=(0.9, 0.999, 0.0, 0.0, 0.0, 0.0, case.numbers[6])))
    problem = problem._replace(moving=problem.moving._replace(first=jnp.zeros_like(problem.moving.first)))
    point, batch = np.asarray(problem.moving.parameters, np.float64), batch_of(problem, 0)
    towards = np.random.default_rng(0).normal(size=(4, point.size))
    with jax.enable_x64(True):
        outcome = hasty(lambda p: loss(problem, p, batch)[0])
        ends = [[float(outcome(point + step * d)) for d in towards] for step in (1e-6, -1e-6)]
    slopes = np.subtract(*ends) / 2e-6
    for found in forms.native(train, problem):
        parts = np.asarray(found.moving.first, np.float64) * 10 * towards
        assert parts.sum(1) == pytest.approx(slopes, abs=1e-5 * np.abs(parts).sum() + 1e-8)


def test_classes_beyond_one_vector_and_the_first_of_equals(forms) -> None:
    """Outputs that are all equal: the answer is class 0, wherever the true class stands."""
    problem = problem_of(plain(2, 40, batch=40, rows=40, steps=1))
    rows = jnp.stack([jnp.arange(40, dtype=jnp.int32), jnp.full(40, -1, jnp.int32)])
    moving = problem.moving._replace(parameters=jnp.zeros_like(problem.moving.parameters))
    examples = problem.examples._replace(targets=jnp.arange(40, dtype=jnp.int32), weights=jnp.ones(40))
    problem = problem._replace(moving=moving, examples=examples, steps=problem.steps._replace(rows=rows))
    for found in forms.native(train, problem):
        measures = dict(zip(mlp.MEASURES, found.measures.tolist(), strict=True))
        assert measures["correct"] == 1
        assert measures["loss"] / measures["weight"] == pytest.approx(np.log(40), rel=1e-6)


@pytest.mark.parametrize("case", ["relu", "silu, values"])
def test_nan_is_not_hidden(forms, case: str) -> None:
    problem = problem_of(CASES[case])
    wild = problem.moving.parameters.at[-1].set(jnp.nan)
    for found in forms.native(train, problem._replace(moving=problem.moving._replace(parameters=wild))):
        measures = dict(zip(mlp.MEASURES, found.measures.tolist(), strict=True))
        assert np.isnan(measures["loss"])
        assert np.isnan(measures["norm"])
        assert np.isnan(found.moving.parameters).any()


@pytest.mark.parametrize(
    "case",
    [
        *CASES.values(),
        plain(300, 200, 70, 4, batch=120, rows=300)._replace(dropped=(0.1, 0.2, 0.3)),
        plain(200, 288, 96, 6, batch=48, rows=90),  # layers that are moved by several tasks
        tabled(Rows(9, 16, ((30, 7),)), 40, 3, batch=120, rows=200),
    ],
    ids=str,
)
def test_threads_leave_every_bit_as_it_is(forms, case: Case) -> None:
    problem = problem_of(case)

    def each(moving: Moving) -> list[Trained]:
        found = []
        for count in (1, 2, 4):
            with native.threads(count):
                found.append(train(problem._replace(moving=moving)))
        return found

    for one, *more in forms.native(lambda moving: jax.jit(lambda *a: each(*a))(moving), problem.moving):
        for other in more:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_it_runs_inside_whatever_jax_compiles(forms) -> None:
    problem = problem_of(CASES["dropout"])
    several = jnp.stack([problem.moving.parameters * by for by in (1, 2, 3)])

    def trained_from(parameters: Array) -> Array:
        return train(problem._replace(moving=problem.moving._replace(parameters=parameters))).moving.parameters

    def each(several: Array) -> Any:
        trained = lambda p: trained_from(p)  # noqa: E731 - another for each library, or JAX would remember the first's trace
        split = PartitionSpec("cores")
        spread = partial(jax.shard_map, mesh=Mesh(jax.devices()[:1], ("cores",)), in_specs=split, out_specs=split)
        return {
            "vmap": jax.vmap(trained)(several),
            "map": lax.map(trained, several),
            "scan": lax.scan(lambda total, p: (total + trained(p), trained(p)), jnp.zeros_like(several[0]), several)[1],
            "cond": jnp.stack([lax.cond(p[0] < 99, trained, jnp.zeros_like, p) for p in several]),
            "shard_map": spread(partial(lax.map, trained), check_vma=False)(several),
        }

    alone = forms.native(lambda: jnp.stack([trained_from(p) for p in several]))
    for one, found in zip(
        alone, forms.native(lambda several: jax.jit(lambda *a: each(*a))(several), several), strict=True
    ):
        for name, made in found.items():
            np.testing.assert_array_equal(made, one, err_msg=name)


def test_what_goes_in_is_left_as_it_was(forms) -> None:
    """The moving arrays may be written over, but only where nobody needs them any more."""
    problem = problem_of(CASES["relu"])
    before = jax.tree.map(np.array, problem.moving)
    forms.native(train, problem)
    jax.tree.map(np.testing.assert_array_equal, problem.moving, before)


BAD = {
    "parameters": lambda p: p._replace(moving=p.moving._replace(parameters=p.moving.parameters[1:])),
    "a gap": lambda p: p._replace(chain=Chain(p.chain.sizes, p.chain.activations, (0, 137), p.chain.biases)),
    "overlap": lambda p: p._replace(chain=Chain(p.chain.sizes, p.chain.activations, (0, 0), p.chain.biases)),
    "layers": lambda p: p._replace(chain=Chain(p.chain.sizes, (), p.chain.weights, p.chain.biases)),
    "sizes": lambda p: p._replace(chain=Chain((7, 17, 3, 3), p.chain.activations, p.chain.weights, p.chain.biases)),
    "another table": lambda p: p._replace(chain=dataclasses.replace(p.chain, table=Table(6))),
    "features twice": lambda p: p._replace(
        chain=dataclasses.replace(p.chain, table=Table(3, categories=(Category(4, 3, 3), Category(2, 1, 5))))
    ),
    "waves beyond the parameters": lambda p: p._replace(
        chain=dataclasses.replace(p.chain, table=Table(1, 2, 0, 2, 4, 10, (Category(4, 3, 4),)))
    ),
    "moments": lambda p: p._replace(moving=p.moving._replace(second=p.moving.second[None])),
    "decays": lambda p: p._replace(decays=p.decays > 0),
    "inputs": lambda p: p._replace(examples=p.examples._replace(inputs=p.examples.inputs[0])),
    "kind of inputs": lambda p: p._replace(examples=p.examples._replace(inputs=p.examples.inputs.astype(jnp.int8))),
    "scale": lambda p: p._replace(examples=p.examples._replace(scale=p.examples.scale[:1])),
    "number of targets": lambda p: p._replace(examples=p.examples._replace(targets=p.examples.targets[1:])),
    "kind of targets": lambda p: p._replace(examples=p.examples._replace(targets=p.examples.targets.astype(jnp.uint8))),
    "values of three outputs": lambda p: p._replace(examples=p.examples._replace(targets=jnp.ones(11))),
    "weights": lambda p: p._replace(examples=p.examples._replace(weights=p.examples.weights[1:])),
    "rows": lambda p: p._replace(steps=p.steps._replace(rows=p.steps.rows[0])),
    "kind of rows": lambda p: p._replace(steps=p.steps._replace(rows=p.steps.rows.astype(jnp.uint32))),
    "rates": lambda p: p._replace(steps=p.steps._replace(rates=p.steps.rates[1:])),
    "keys": lambda p: p._replace(steps=p.steps._replace(keys=p.steps.keys[:, :, 0])),
    "dropped": lambda p: p._replace(steps=p.steps._replace(dropped=p.steps.dropped[1:])),
    "numbers": lambda p: p._replace(steps=p.steps._replace(numbers=p.steps.numbers[1:])),
    "place": lambda p: p._replace(steps=p.steps._replace(place=p.steps.place[:1])),
}


@pytest.mark.parametrize("what", BAD)
def test_what_doesnt_fit_is_said(forms, what: str) -> None:
    with pytest.raises(ShapeError, match=r"chain of (2|0) dense layers \[|chain of dense layers \[7, 17, 3\]"):
        forms.native(train, BAD[what](problem_of(CASES["relu"])))
