"""Recurrent layers: torch's networks on their own weights, how weights begin, masks through a whole network."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.network import (
    GRU,
    LSTM,
    RNN,
    Context,
    Layer,
    Sequential,
    apply,
    build,
    leaves,
    summarize,
    trace,
    with_leaves,
)
from lamina.network.notation import parse
from lamina.network.recurrent import Recurrent

BATCH, STEPS, INPUTS, FEATURES = 4, 6, 3, 5
LENGTHS = np.array([6, 3, 1, 4])
MASK = jnp.asarray(np.arange(STEPS) < LENGTHS[:, None])


def drawn(*shape: int, seed: int = 0) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def shaken(network: Sequential) -> Sequential:
    """Built, with no bias at zero."""
    built = build(network, (STEPS, INPUTS), 1)
    return with_leaves(built, {p: a + 0.1 * drawn(*a.shape) for p, a in leaves(built, "parameter").items()})


def hastily(work: Any) -> Any:
    """Compiled without care: most of a test would be the compiler's time."""
    return jax.jit(work, compiler_options={"xla_backend_optimization_level": 0})


def masked(network: Layer, x: Array, mask: Array | None = MASK) -> Array:
    return hastily(lambda n, x: n.apply(x, Context(mask=mask))[0])(network, x)


def as_torch_has_them(way: Any) -> list[np.ndarray]:
    second = np.zeros_like(np.asarray(way.bias))
    if isinstance(way, GRU):
        second[2 * FEATURES :] = way.recurrent_bias
    return [np.asarray(way.weight).T, np.asarray(way.recurrent).T, np.asarray(way.bias), second]


def waves(*shape: int) -> np.ndarray:
    """What numbers that come out are multiplied by, to make one of them all."""
    return np.cos(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)


def sloped(work: Any, *operands: Any) -> Any:
    """What ``work`` makes of operands, and the gradient of one number that depends on all of it."""

    def outcome(*operands: Any) -> Any:
        y = work(*operands)
        return jnp.vdot(y, waves(*y.shape)), y

    slopes, y = jax.grad(outcome, tuple(range(len(operands))), has_aux=True)(*operands)
    return y, slopes


EVERY_KIND = [
    (LSTM, "LSTM", {}),
    (GRU, "GRU", {}),
    (RNN, "RNN", {}),
    (lambda n, **more: RNN(n, "relu", **more), "RNN", {"nonlinearity": "relu"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "word", "options"), EVERY_KIND, ids=["lstm", "gru", "tanh", "relu"])
def test_two_layers_both_ways_and_their_gradients_are_those_of_torch(make, word: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    network, x = shaken(Sequential([make(FEATURES, bidirectional=True) for _ in range(2)])), drawn(BATCH, STEPS, INPUTS)
    theirs = getattr(torch.nn, word)(INPUTS, FEATURES, 2, batch_first=True, bidirectional=True, **options)

    def loaded(network: Any) -> list[np.ndarray]:
        return [a for layer in network.layers for way in (layer, layer.backward) for a in as_torch_has_them(way)]

    with torch.no_grad():
        for parameter, array in zip(theirs.parameters(), loaded(network), strict=True):
            parameter.copy_(torch.tensor(array))
    given = torch.tensor(np.array(x), requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(given, torch.tensor(LENGTHS), True, False)
    y = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], True, total_length=STEPS)[0]
    (y * torch.tensor(waves(*y.shape))).sum().backward()
    ours = hastily(lambda *pair: sloped(lambda n, x: n.apply(x, Context(mask=MASK))[0], *pair))
    made, (to_network, to_x) = ours(network, x)
    np.testing.assert_allclose(made, y.detach(), atol=1e-5)
    np.testing.assert_allclose(to_x, given.grad, rtol=1e-5, atol=1e-5)
    for ours, parameter in zip(loaded(to_network), theirs.parameters(), strict=True):
        here = ours != 0  # torch learns the second bias of every gate
        np.testing.assert_allclose(ours[here], parameter.grad.numpy()[here], rtol=1e-5, atol=1e-5)


def by_torch(layer: Any, x: Array, dropped: Array, cut: int, *, reverse: bool) -> Any:
    """The states and the gradients of x and the weights, step by step, detached before each piece of ``cut`` steps."""
    import torch

    given, weight, recurrent, bias = (
        torch.tensor(np.array(a), requires_grad=True) for a in (x, layer.weight, layer.recurrent, layer.bias)
    )
    drop, live = torch.tensor(np.array(dropped)), torch.tensor(np.array(MASK))
    again = torch.tensor(np.array(layer.recurrent_bias)) if isinstance(layer, GRU) else None
    h = c = torch.zeros(BATCH, FEATURES)
    outs: list[Any] = [None] * STEPS
    for t in range(STEPS)[:: -1 if reverse else 1]:
        if (t + 1 if reverse else t) % cut == 0:
            h, c = h.detach(), c.detach()
        parts, back = given[:, t] @ weight + bias, (h * drop) @ recurrent
        here = live[:, t, None]
        if isinstance(layer, LSTM):
            i, f, g, o = (parts + back).chunk(4, 1)
            cell = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            out, c = torch.sigmoid(o) * torch.tanh(cell), torch.where(here, cell, c)
        elif isinstance(layer, GRU):
            (a, b, n), (ha, hb, hn) = parts.chunk(3, 1), back.chunk(3, 1)
            update = torch.sigmoid(b + hb)
            out = (1 - update) * torch.tanh(n + torch.sigmoid(a + ha) * (hn + again)) + update * h
        else:
            out = torch.tanh(parts + back)
        h = torch.where(here, out, h)
        outs[t] = torch.where(here, out, 0.0)
    y = torch.stack(outs, 1)
    (y * torch.tensor(waves(*y.shape))).sum().backward()
    return y.detach(), [a.grad for a in (given, weight, recurrent, bias)]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "cut"), [(LSTM, 4), (LSTM, 2), (LSTM, STEPS), (GRU, 4), (RNN, 4)])
def test_dropped_and_truncated_as_in_torch_step_by_step(make: type[Recurrent], cut: int) -> None:
    pytest.importorskip("torch")
    (layer,) = shaken(Sequential([make(FEATURES, truncate=cut)])).layers
    x, dropped = drawn(BATCH, STEPS, INPUTS), jnp.asarray(drawn(BATCH, FEATURES, seed=3) > -0.5, jnp.float32) / 0.7

    def ways(*operands: Any) -> Any:
        return [sloped(lambda n, x, r=r: n.read(x, MASK, reverse=r, dropped=dropped), *operands) for r in (False, True)]

    for reverse, (made, (to_layer, to_x)) in enumerate(hastily(ways)(layer, x)):
        y, slopes = by_torch(layer, x, dropped, cut, reverse=bool(reverse))
        np.testing.assert_allclose(made, y, atol=1e-5)
        for ours, theirs in zip((to_x, to_layer.weight, to_layer.recurrent, to_layer.bias), slopes, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_truncation_changes_gradients_and_no_values() -> None:
    x = drawn(BATCH, STEPS, INPUTS)
    whole, cut = (
        shaken(Sequential([GRU(FEATURES, bidirectional=True, truncate=length)])).layers[0] for length in (None, 4)
    )

    def each(*layers: GRU) -> Any:
        return [sloped(lambda n: n.apply(x, Context(mask=MASK))[0], layer) for layer in layers]

    (y, (slopes,)), (made, (truncated,)) = hastily(each)(whole, cut)
    np.testing.assert_allclose(made, y, atol=1e-6)
    assert float(jnp.abs(slopes.recurrent - truncated.recurrent).max()) > 1e-3


@pytest.mark.slow
def test_what_is_dropped_stays_dropped_at_every_step_and_differs_by_example_and_way() -> None:
    """With h = relu(dropped h + 1), a unit that sees its state counts up, and one that doesn't stays at 1."""
    layer = build(RNN(50, "relu", bidirectional=True, recurrent_dropout=0.3), (4, 1))
    counting = {"weight": jnp.zeros((1, 50)), "recurrent": jnp.eye(50), "bias": jnp.ones(50)}
    layer = with_leaves(layer, counting | {f"backward.{name}": array for name, array in counting.items()})
    x, context = jnp.zeros((40, 4, 1)), Context(training=True, key=jax.random.key(0))
    y = np.asarray(hastily(lambda: layer.apply(x, context)[0])())
    onward, backward = y[:, :, :50], y[:, ::-1, 50:]
    gone = []
    for way in (onward, backward):
        silent = way[:, 1] == 1
        np.testing.assert_allclose(way[:, 3], np.where(silent, 1, 1 + 1 / 0.7 + 0.7**-2 + 0.7**-3), rtol=1e-5)
        assert silent.mean() == pytest.approx(0.3, abs=0.03)
        assert not (silent == silent[0]).all()
        gone.append(silent)
    assert not np.array_equal(*gone)
    np.testing.assert_array_equal(layer.apply(jnp.zeros((1, 4, 1)), Context())[0][0, :, 0], [1, 2, 3, 4])


@pytest.mark.slow
def test_the_rate_is_a_number_only_where_it_is_given() -> None:
    assert not leaves(build(LSTM(3), (STEPS, INPUTS)), "number")
    layer = build(LSTM(3, bidirectional=True, recurrent_dropout=0.25), (STEPS, INPUTS))
    assert leaves(layer, "number") == {"recurrent_dropout": np.float32(0.25)}
    traced = []

    @jax.jit
    def step(layer: LSTM, x: Array) -> Array:
        traced.append(1)
        return layer.apply(x, Context(training=True, key=jax.random.key(0)))[0]

    x = drawn(BATCH, STEPS, INPUTS)
    ends = [step(with_leaves(layer, {"recurrent_dropout": jnp.float32(rate)}), x) for rate in (0.0, 0.5)]
    assert len(traced) == 1
    np.testing.assert_allclose(ends[0], layer.apply(x, Context())[0], atol=1e-6)
    assert float(jnp.abs(ends[0] - ends[1]).max()) > 1e-2
    with pytest.raises(OptionError, match="recurrent_dropout is 1"):
        LSTM(3, recurrent_dropout=1.0)
    with pytest.raises(OptionError, match="truncate is 0"):
        LSTM(3, truncate=0)


@pytest.mark.slow
def test_weights_begin_as_they_should() -> None:
    layer = build(LSTM(16, bidirectional=True), (STEPS, 8))
    limit = (6 / (8 + 16)) ** 0.5
    for way in (layer, layer.backward):
        assert way is not None
        assert 0.9 * limit < np.abs(way.weight).max() <= limit
        for gate in np.split(np.asarray(way.recurrent), 4, axis=1):
            np.testing.assert_allclose(gate @ gate.T, np.eye(16), atol=1e-5)
        np.testing.assert_array_equal(way.bias, np.repeat([0, 1, 0, 0], 16))
    assert not np.array_equal(layer.weight, layer.backward.weight)
    assert not leaves(build(GRU(4), (STEPS, 8)), "parameter")["bias"].any()
    assert not build(RNN(4, initialiser="zeros"), (STEPS, 8)).weight.any()


NETWORK = "lstm 5 bidirectional, dropout 0.2, gru 4, rnn 3 relu bidirectional"


@pytest.mark.slow
@pytest.mark.parametrize("end", ["last bidirectional", "mean, dense 2", "max"])
def test_what_stands_behind_the_end_of_a_sequence_changes_nothing(end: str) -> None:
    network, x = shaken(parse(f"{NETWORK}, {end}")), drawn(BATCH, STEPS, INPUTS)
    wild = jnp.where(MASK[:, :, None], x, 1e9)
    np.testing.assert_array_equal(masked(network, wild), masked(network, x))
    for row in (1, 3):
        alone = masked(network, x[row : row + 1, : LENGTHS[row]], None)
        np.testing.assert_allclose(masked(network, wild)[row], alone[0], atol=2e-6)


def test_outputs_are_traced_and_silent_where_a_step_is_padding() -> None:
    network, records = shaken(parse(NETWORK)), {}
    apply(network, drawn(BATCH, STEPS, INPUTS), Context(mask=MASK, records=records))
    assert list(records) == list(trace(network, drawn(1, STEPS, INPUTS)))
    for path in ("0.lstm", "2.gru", "3.rnn"):
        assert not np.asarray(records[path])[~np.asarray(MASK)].any()


def test_the_table_of_layers_by_hand() -> None:
    network = parse("lstm 128, gru 64 bidirectional, rnn 8, mean, dense 10 linear")
    rows = {r.path: (r.description, r.output_shape, r.parameters, r.multiply_adds) for r in summarize(network, (28, 3))}
    assert rows == {
        "0.lstm": ("lstm 128", (28, 128), 4 * 128 * (3 + 128 + 1), 28 * 4 * 128 * (3 + 128)),
        "1.gru": ("gru 64 bidirectional", (28, 128), 2 * 64 * (3 * (128 + 64 + 1) + 1), 28 * 2 * 3 * 64 * (128 + 64)),
        "2.rnn": ("rnn 8 tanh", (28, 8), 8 * (128 + 8 + 1), 28 * 8 * (128 + 8)),
        "3.mean": ("mean", (8,), 0, 0),
        "4.dense": ("dense 10 linear", (10,), 90, 80),
    }


@pytest.mark.parametrize("make", [LSTM, GRU, RNN])
def test_what_is_no_size_or_no_sequence_is_refused(make: type[Recurrent]) -> None:
    with pytest.raises(OptionError):
        make(0)
    with pytest.raises(OptionError):
        make(3, bidirectional="yes")  # type: ignore[arg-type]
    with pytest.raises(OptionError):
        make(3, initialiser="xavier")
    for shape in ((7,), (4, 4, 1)):
        with pytest.raises(ShapeError, match="reads sequences"):
            build(make(3), shape)


def test_rnn_knows_two_activations() -> None:
    with pytest.raises(OptionError, match="gelu"):
        RNN(3, "gelu")


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(ShapeError, match="mask"):
        masked(build(LSTM(3), (STEPS, INPUTS)), drawn(BATCH, STEPS, INPUTS), MASK[:, 1:])
