"""Small networks with random weights, opened as parts of a model: recurrent ones, and one of every kind of layer.

A test that takes a ``network_case`` is run for each of CASES; one that takes a ``costly_case`` too, but for most of
them among the slow tests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.data.examples import Examples, Reading
from lamina.data.labelled import table_examples
from lamina.data.preprocess import TablePreprocessing
from lamina.model import Model, NetworkPart
from lamina.network import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Attention,
    AvgPool,
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Frames,
    GlobalPool,
    ImageInput,
    Last,
    Layer,
    LayerNorm,
    Max,
    MaxPool,
    Mean,
    Positions,
    Residual,
    Sequential,
    SeriesInput,
    SoundInput,
    SpecAugment,
    TableInput,
    Transformer,
    build,
    leaves,
)
from lamina.network.sound_input import SILENCE
from lamina.training.vector import Layout

CROSS, SHARES, SQUARED = "cross entropy", "sigmoid cross entropy", "squared"
Case = tuple[Sequential, tuple[int, ...], str]


def _of(*layers: object, shape: tuple[int, ...], loss: str = CROSS) -> Case:
    return Sequential([*layers, Dense(1 if loss == SQUARED else 3, "linear")]), shape, loss  # pyright: ignore[reportArgumentType]


_BODY = Sequential([Conv(4, activation="linear"), BatchNorm()])
CASES: dict[str, Case] = {
    "table": _of(TableInput(2, (3, 14), 2), Dense(5), BatchNorm(), Dropout(0.5), Dense(4, "gelu"), shape=(4,)),
    "residual of features": _of(Residual(Sequential([Dense(3)])), Residual(Sequential([Dense(5)])), shape=(3,)),
    "regression": _of(TableInput(3), Dense(4, "tanh"), shape=(3,), loss=SQUARED),
    "one against the rest": _of(Dense(4, "leaky relu"), shape=(3,), loss=SHARES),
    "picture": _of(
        ImageInput(), Conv(3), MaxPool(), Conv(4, (3, 2), "linear", stride=(2, 1), padding=1, biased=False),
        Activation("relu"), AvgPool((2, 1), padding="same"), Flatten(), Dense(4, "silu"), shape=(9, 8, 2),
    ),
    "residual of pictures": _of(
        ImageInput(), Residual(_BODY), Activation("relu"), Residual(Sequential([Conv(6, stride=2), BatchNorm()])),
        Activation("relu"), LayerNorm(), Activation("relu"), GlobalPool("max"), shape=(7, 6, 1),
    ),
    "branches": _of(
        ImageInput(), Concatenate((Sequential([Conv(2, 1)]), Sequential([Conv(3, dilation=2), Conv(2, groups=1)]))),
        Conv(8, groups=4), GlobalPool(), shape=(5, 6, 2),
    ),
    "LSTM": _of(SeriesInput(), LSTM(4, bidirectional=True), Last(bidirectional=True), shape=(7, 2)),
    "GRU": _of(SeriesInput(), GRU(3), GRU(4, bidirectional=True, truncate=3), Mean(), shape=(7, 2), loss=SQUARED),
    "RNN": _of(SeriesInput(), RNN(4, "relu"), Dense(3), Max(), shape=(7, 2)),
    "causal": _of(
        SeriesInput(), Conv(4, causal=True, dilation=2), MaxPool(3, 2, "same"), Conv(4, 3, stride=2), Flatten(),
        shape=(9, 2),
    ),
    "residual in time": _of(
        SeriesInput(), Residual(Sequential([Conv(4), MaxPool(2)])), AvgPool(2, 1, "same"), LayerNorm(),
        Concatenate((Sequential([LSTM(2)]), Sequential([Conv(2, 3), Conv(2, 1)]))), GlobalPool(), shape=(8, 2),
    ),
    "unpadded": _of(SeriesInput(padded=False), Conv(4, 4, stride=3), MaxPool(), Last(), shape=(13, 2)),
    "transformer": _of(
        SeriesInput(), Conv(4, 1, "linear"), Positions(), Transformer(2, hidden_features=5, dropout=0.1),
        Transformer(1, causal=True), Attention(2, causal=True), Mean(), shape=(7, 2),
    ),
    "sound": _of(
        SoundInput(1000, mels=6), SpecAugment(1, 1), Conv(3, stride=2), MaxPool(2), Frames(), GRU(3), Max(),
        shape=(150,),
    ),
    "heard in time": _of(SoundInput(1000, mels=4), Conv(2), GlobalPool(), shape=(120,), loss=SQUARED),
    "embedding": _of(Embedding(6, 3), Mean(), shape=(5,)),
}  # fmt: skip


QUICK = ("table", "picture", "LSTM")  # one of each sort of data


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "network_case" in metafunc.fixturenames:
        metafunc.parametrize("network_case", CASES.values(), ids=CASES.keys())
    if "costly_case" in metafunc.fixturenames:
        marks = {name: () if name in QUICK else pytest.mark.slow for name in CASES}
        each = [pytest.param(case, id=name, marks=marks[name]) for name, case in CASES.items()]
        metafunc.parametrize("costly_case", each)


@pytest.fixture(scope="session")
def part() -> Callable[..., NetworkPart]:
    """A function that makes a part of a network: random weights and states, biases too; the same for the same seed."""
    return _part


def _part(network: Layer, shape: tuple[int, ...], loss: str = "squared", **scaled: Any) -> NetworkPart:
    hasty = jax.jit(partial(build, network, shape), compiler_options={"xla_backend_optimization_level": 0})
    built, rng = hasty(jax.random.key(3)), np.random.default_rng(5)
    drawn = {path: of + 0.2 * rng.normal(size=of.shape) for path, of in leaves(built, "parameter").items()}
    packed = Layout.of(built).pack({path: jnp.asarray(of, jnp.float32) for path, of in drawn.items()})
    state = {path: np.asarray(of) for path, of in leaves(built, "state").items()}
    return NetworkPart(network, shape, loss, None, np.asarray(packed), state, **scaled)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def series() -> np.ndarray:
    """Four series of two channels: of 7, 7, 4 and 1 steps, the rest NaN."""
    x = np.random.default_rng(8).normal(size=(4, 7, 2)).astype(np.float32)
    x[2, 4:], x[3, 1:] = np.nan, np.nan
    return x


@pytest.fixture
def network_cases() -> dict[str, Case]:
    """All of CASES."""
    return CASES


@pytest.fixture(scope="session")
def of_case() -> Callable[[Case], NetworkPart]:
    """A function that gives a part of one of CASES, its states random too, its values in units of their own.

    Always the same, made once: what a test changes of it, it changes in a copy.
    """
    made: dict[int, NetworkPart] = {}

    def make(case: Case) -> NetworkPart:
        if id(case) not in made:
            made[id(case)] = _with_states(_part(*case, shift=2.5, scale=3.0))
        return made[id(case)]

    return make


def _with_states(part: NetworkPart) -> NetworkPart:
    rng = np.random.default_rng(7)
    state = {path: (of + rng.uniform(0.1, 0.5, of.shape)).astype(np.float32) for path, of in part.state.items()}
    return dataclasses.replace(part, state=state)


@pytest.fixture
def drawn() -> Callable[..., np.ndarray]:
    """A function that draws so many random examples for one of CASES."""
    return _drawn


def _drawn(case: Case, count: int, seed: int = 3) -> np.ndarray:
    """Random examples that suit a network's input layer; of series and sounds all but the first end early."""
    network, shape, _ = case
    first, rng = network.layers[0], np.random.default_rng(seed)
    if isinstance(first, ImageInput):
        return rng.integers(0, 256, (count, *shape)).astype(np.uint8)
    if isinstance(first, Embedding):
        return rng.integers(0, first.codes, (count, *shape)).astype(np.float32)
    if isinstance(first, SoundInput):
        x = rng.integers(-9000, 9000, (count, *shape)).astype(np.int16)
        for row in range(1, count):
            x[row, shape[0] - 31 * row :] = SILENCE
        return x
    x = rng.normal(size=(count, *shape)).astype(np.float32)
    if isinstance(first, TableInput):
        for at, codes in enumerate(first.cardinalities):
            x[:, first.numbers + at] = rng.integers(0, codes, count)
    if isinstance(first, SeriesInput) and first.padded:
        for row in range(1, count):
            x[row, shape[0] - 2 * row :] = np.nan
    return x


@pytest.fixture(scope="session")
def penguins() -> tuple[Model, Examples]:
    """Two networks of one dense layer with random weights, behind preprocessings of different rows of the penguins."""
    examples = table_examples("sample:penguins", Reading(target="species"))
    parts = []
    for seed, rows in enumerate((np.arange(0, 300), np.arange(100, 340))):
        fitted = TablePreprocessing.fit(examples.schema, examples.inputs, rows)  # pyright: ignore[reportArgumentType]
        first, width = TableInput(fitted.numbers, fitted.cardinalities), fitted.numbers + len(fitted.cardinalities)
        size = (first.output_shape((width,))[0] + 1) * 3
        weights = np.random.default_rng(seed).normal(size=size).astype(np.float32)
        network = Sequential([first, Dense(3, "linear")])
        parts.append(NetworkPart(network, (width,), CROSS, fitted, weights, {}))
    return Model(examples.task, "table", tuple(parts), {"header": None}), examples
