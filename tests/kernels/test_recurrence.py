"""All recurrent kernels against the papers' formulas by NumPy, torch, finite differences; padding; transformations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec

from lamina.errors import OptionError, ShapeError
from lamina.kernels import native
from lamina.kernels.gru import GRUWeights, gru
from lamina.kernels.lstm import LSTMWeights, lstm
from lamina.kernels.rnn import RNNWeights, rnn

BATCH, STEPS, INPUTS, HIDDEN = 5, 6, 3, 4
LENGTHS = np.array([6, 1, 4, 5, 2])
LIVE = jnp.asarray(np.arange(STEPS) < LENGTHS[:, None])
HOLES = jnp.asarray(np.random.default_rng(4).random((BATCH, STEPS)) < 0.6).at[1].set(False)


def drawn(*shape: int, seed: int = 0) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


class Kind(NamedTuple):
    """A kernel, its gates, how many states it has, and torch's word for it."""

    kernel: Callable[..., Any]
    weights: Callable[..., Any]
    gates: int
    states: int
    torch: dict[str, Any]
    plain: bool = True

    def __repr__(self) -> str:
        return f"{self.torch['mode']}{'' if self.plain else ' native'}"

    def __call__(self, *operands: Any, **options: Any) -> tuple[Array, tuple[Array, ...]]:
        """The outputs and the last states."""
        with native.kept_out(self.plain):
            y, last = self.kernel(*operands, **options)
        return y, last if isinstance(last, tuple) else (last,)

    def parameters(self, seed: int = 1) -> Any:
        wide = self.gates * HIDDEN
        bias = (drawn(HIDDEN, seed=seed + 3),) if self.torch["mode"] == "GRU" else ()
        first = drawn(INPUTS, wide, seed=seed), drawn(HIDDEN, wide, seed=seed + 1), drawn(wide, seed=seed + 2)
        return self.weights(*(0.5 * array for array in (*first, *bias)))

    def initial(self, seed: int = 9) -> Any:
        states = tuple(drawn(BATCH, HIDDEN, seed=seed + place) for place in range(self.states))
        return states if self.states > 1 else states[0]


JAX_FORMS = [
    Kind(lstm, LSTMWeights, 4, 2, {"mode": "LSTM"}),
    Kind(gru, GRUWeights, 3, 1, {"mode": "GRU"}),
    Kind(rnn, RNNWeights, 1, 1, {"mode": "RNN"}),
    Kind(partial(rnn, activation="relu"), RNNWeights, 1, 1, {"mode": "RNN", "nonlinearity": "relu"}),
]
KINDS = [*JAX_FORMS, *(kind._replace(plain=False) for kind in JAX_FORMS)]


def waves(*shape: int) -> np.ndarray:
    """What numbers that come out are multiplied by, to make one of them all."""
    return np.cos(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)


def outcome(kind: Kind, mask: Array | None, reverse: bool, *operands: Any) -> tuple[Array, Any]:
    """One number that depends on all that comes out, and what comes out."""
    y, last = kind(*operands, mask, reverse=reverse)
    return jnp.stack([jnp.vdot(a, waves(*a.shape)) for a in (y, *last)]).sum(), (y, *last)


@functools.cache
def compiled(kind: int, reverse: bool) -> Callable[..., Any]:
    """(mask, x, initial, weights) to ((number, all that comes out), gradients): compiled once for all tests."""

    def run(mask: Array, *operands: Any) -> Any:
        return jax.value_and_grad(partial(outcome, KINDS[kind], mask, reverse), (0, 1, 2), has_aux=True)(*operands)

    return jax.jit(run, compiler_options={"xla_backend_optimization_level": 0})


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def step_by_hand(kind: Kind, x: np.ndarray, states: list[np.ndarray], weights: Any) -> list[np.ndarray]:
    """The states of one example after a step, [hidden] each, as the papers say it."""
    input, recurrent, bias, *more = (np.asarray(w, np.float64) for w in weights)
    h = states[0]
    parts = np.split(x @ input + bias + h @ recurrent, kind.gates)
    match kind.torch:
        case {"mode": "LSTM"}:
            c = sigmoid(parts[1]) * states[1] + sigmoid(parts[0]) * np.tanh(parts[2])
            return [sigmoid(parts[3]) * np.tanh(c), c]
        case {"mode": "GRU"}:
            update, new = sigmoid(parts[1]), np.split(x @ input + bias, 3)[2]
            new = np.tanh(new + sigmoid(parts[0]) * (h @ recurrent[:, 2 * HIDDEN :] + more[0]))
            return [(1 - update) * new + update * h]
        case {"nonlinearity": "relu"}:
            return [np.maximum(parts[0], 0)]
    return [np.tanh(parts[0])]


def by_hand(kind: Kind, mask: Array, reverse: bool, x: Array, initial: Any, weights: Any) -> list[np.ndarray]:
    """Each example's live steps alone, one after another: outputs (zeros elsewhere) and last states."""
    y, live = np.zeros((BATCH, STEPS, HIDDEN)), np.asarray(mask)
    ends = []
    for row in range(BATCH):
        states = [np.asarray(s[row], np.float64) for s in (initial if kind.states > 1 else [initial])]
        steps = np.flatnonzero(live[row])
        for step in steps[::-1] if reverse else steps:
            states = step_by_hand(kind, np.asarray(x[row, step], np.float64), states, weights)
            y[row, step] = states[0]
        ends.append(states)
    return [y, *(np.stack(of) for of in zip(*ends, strict=True))]


every_kind = pytest.mark.parametrize("number", range(len(KINDS)), ids=lambda number: repr(KINDS[number]))
every_way = pytest.mark.parametrize("reverse", [False, True], ids=["onward", "reverse"])


@every_kind
@every_way
@pytest.mark.parametrize("mask", [pytest.param(LIVE, marks=pytest.mark.slow), HOLES], ids=["ends", "holes"])
def test_a_padded_step_is_as_if_it_were_not_there(number: int, reverse: bool, mask: Array) -> None:
    x, rest = drawn(BATCH, STEPS, INPUTS), (KINDS[number].initial(), KINDS[number].parameters())
    wild = jnp.where(mask[:, :, None], x, jnp.nan)
    (_, made), slopes = answers = compiled(number, reverse)(mask, wild, *rest)
    for ours, theirs in zip(made, by_hand(KINDS[number], mask, reverse, x, *rest), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    assert not np.asarray(made[0])[~np.asarray(mask)].any()
    assert not np.asarray(slopes[0])[~np.asarray(mask)].any()
    jax.tree.map(np.testing.assert_array_equal, answers, compiled(number, reverse)(mask, x, *rest))


@every_kind
@every_way
def test_gradients_against_finite_differences(number: int, reverse: bool) -> None:
    point = drawn(BATCH, STEPS, INPUTS), KINDS[number].initial(), KINDS[number].parameters()
    towards = jax.tree.map(lambda a: 3e-3 * drawn(*a.shape, seed=a.size), point)
    run = partial(compiled(number, reverse), HOLES)
    slopes = run(*point)[1]
    expected = sum(np.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, (slopes, towards)), strict=True))
    up, down = (run(*jax.tree.map(lambda a, b, s=s: a + s * b, point, towards))[0][0] for s in (1, -1))
    assert float(up - down) / 2 == pytest.approx(float(expected), rel=1e-2, abs=1e-4)


def as_torch_has_them(kind: Kind, weights: Any) -> list[np.ndarray]:
    """Weights as torch has them: turned, and with a second bias, which only GRU needs."""
    second = np.zeros(kind.gates * HIDDEN, np.float32)
    if kind.torch["mode"] == "GRU":
        second[2 * HIDDEN :] = weights.recurrent_bias
    return [np.asarray(weights.input).T, np.asarray(weights.recurrent).T, np.asarray(weights.bias), second]


def by_torch(kind: Kind, x: Array, states: list[Any], weights: list[Any]) -> tuple[list[Any], list[Any]]:
    """What torch's packed two-way network makes, and the gradients of x, the states, and each way's weights."""
    import torch

    options = {name: value for name, value in kind.torch.items() if name != "mode"}
    network = getattr(torch.nn, kind.torch["mode"])(INPUTS, HIDDEN, batch_first=True, bidirectional=True, **options)
    loaded = [torch.tensor(a) for way in weights for a in as_torch_has_them(kind, way)]
    with torch.no_grad():
        for theirs, ours in zip(network.parameters(), loaded, strict=True):
            theirs.copy_(ours)
    given, *first = [torch.tensor(np.array(a), requires_grad=True) for a in (x, *states)]
    packed = torch.nn.utils.rnn.pack_padded_sequence(given, torch.tensor(LENGTHS), True, False)
    y, last = network(packed, tuple(first) if len(first) > 1 else first[0])
    y = torch.nn.utils.rnn.pad_packed_sequence(y, True, total_length=STEPS)[0]
    made = [*y.split(HIDDEN, 2), *(a for s in (last if isinstance(last, tuple) else (last,)) for a in s)]
    sum((a * torch.tensor(waves(*a.shape))).sum() for a in made).backward()
    slopes = [a.grad.numpy() for a in (given, *first, *network.parameters())]
    return [a.detach().numpy() for a in made], slopes


@every_kind
def test_states_and_gradients_are_those_of_torch_packed_and_both_ways(number: int) -> None:
    pytest.importorskip("torch")
    kind, x = KINDS[number], drawn(BATCH, STEPS, INPUTS)
    starts, weights = [kind.initial(9), kind.initial(19)], [kind.parameters(1), kind.parameters(11)]
    ways = [compiled(number, way == 1)(LIVE, x, starts[way], weights[way]) for way in (0, 1)]
    made = [a for pair in zip(*(way[0][1] for way in ways), strict=True) for a in pair]
    slopes = [way[1] for way in ways]

    def stacked(pair: Any) -> list[np.ndarray]:
        return [np.stack(both) for both in zip(*(p if kind.states > 1 else (p,) for p in pair), strict=True)]

    theirs, references = by_torch(kind, x, stacked(starts), weights)
    for ours, reference in zip(made, theirs, strict=True):
        np.testing.assert_allclose(ours, reference, atol=1e-5)
    loaded = [a for way in slopes for a in as_torch_has_them(kind, way[2])]
    outer = [slopes[0][0] + slopes[1][0], *stacked([way[1] for way in slopes])]
    for place, (ours, reference) in enumerate(zip([*outer, *loaded], references, strict=True)):
        here = np.asarray(ours) != 0 if place >= len(outer) else ...  # torch learns the second bias of every gate
        np.testing.assert_allclose(np.asarray(ours)[here], reference[here], rtol=1e-5, atol=1e-5)


@every_kind
def test_under_vmap_map_scan_cond_and_shard_map(number: int) -> None:
    kind = KINDS[number]
    several, *rest = drawn(2, BATCH, STEPS, INPUTS), kind.initial(), kind.parameters()

    def slopes(x: Array) -> Any:
        return jax.grad(partial(outcome, kind, LIVE, False), (0, 1, 2), has_aux=True)(x, *rest)[0]

    def perhaps(carry: int, x: Array) -> Any:
        return carry, lax.cond(x[0, 0, 0] < 9, slopes, lambda x: jax.tree.map(jnp.zeros_like, (x, *rest)), x)

    split = PartitionSpec("members")
    spread = partial(jax.shard_map, mesh=Mesh(jax.devices()[:1], ("members",)), in_specs=split, out_specs=split)

    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def each(x: Array) -> Any:
        return jax.vmap(slopes)(x), lax.scan(perhaps, 0, x)[1], spread(partial(lax.map, slopes), check_vma=False)(x)

    alone = [compiled(number, False)(LIVE, x, *rest)[1] for x in several]
    for made in each(several):
        for place, one in enumerate(alone):
            for a, b in zip(jax.tree.leaves(made), jax.tree.leaves(one), strict=True):
                np.testing.assert_allclose(a[place], b, rtol=1e-5, atol=1e-5)


@every_kind
def test_numbers_of_one_type_stay_of_that_type(number: int, strict_types: None) -> None:
    operands = drawn(BATCH, STEPS, INPUTS), KINDS[number].initial(), KINDS[number].parameters()
    half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), operands)
    y, last = jax.eval_shape(lambda *a: KINDS[number](*a, LIVE), *half)
    assert {a.dtype for a in (y, *last)} == {jnp.dtype(jnp.bfloat16)}


@every_kind
def test_what_does_not_fit_is_refused(number: int) -> None:
    kind = KINDS[number]
    x, initial, weights = drawn(BATCH, STEPS, INPUTS), kind.initial(), kind.parameters()
    narrow = jax.tree.map(lambda a: a[:, :-1], initial)
    for operands, words in (
        ((x[0], initial, weights), "was given an array"),
        ((x[:, :, :2], initial, weights), "input has the shape"),
        ((x, narrow, weights), "initial state"),
        ((x, initial, weights._replace(bias=weights.bias[1:])), "bias has the shape"),
        ((x, initial, weights, LIVE[:, 1:]), "mask is bool"),
        ((x, initial, weights, LIVE.astype(jnp.float32)), "mask is float32"),
    ):
        with pytest.raises(ShapeError, match=words):
            kind(*operands)


def test_what_is_dropped_has_the_shape_of_a_state() -> None:
    for kind in JAX_FORMS:
        with pytest.raises(ShapeError, match="what is dropped has the shape"):
            kind(drawn(BATCH, STEPS, INPUTS), kind.initial(), kind.parameters(), dropped=drawn(BATCH, HIDDEN + 1))


def test_an_activation_that_rnn_has_not_is_refused() -> None:
    kind = KINDS[-1]
    with pytest.raises(OptionError, match="gelu"):
        rnn(drawn(BATCH, STEPS, INPUTS), kind.initial(), kind.parameters(), activation="gelu")
