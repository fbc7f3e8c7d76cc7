"""A network's answers in one native call: those of its layers on their JAX forms, whatever stands between them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.kernels.conftest import Forms, chosen

from lamina.errors import LaminaError, ShapeError
from lamina.kernels import native
from lamina.kernels.feedforward import Feedforward, Step
from lamina.kernels.table import Category, Table
from lamina.network import Context, apply, build, complete, feedforward, leaves, with_leaves
from lamina.network.notation import parse

PICTURE = (9, 11, 3)
NETWORKS = (
    "conv 32, pool, conv 64, pool, dense 128, dropout 0.5",
    "conv 5 5x3 linear nobias, batchnorm, relu, pool 3 stride 2, conv 7 stride 2 tanh, pool, batchnorm, dense 9 silu",
    "conv 16 linear, pool, batchnorm, relu, conv 33 1 sigmoid, dense 4, batchnorm, dense 3 linear, tanh",
    "dense 40 tanh, dense 20, batchnorm",
    "conv 16 linear nobias, batchnorm, relu, residual(conv 16 linear nobias, batchnorm, relu, conv 16 linear), relu, "
    "residual(conv 24 linear stride 2, batchnorm, tanh, conv 24 linear, batchnorm), relu, globalpool, "
    "residual(dense 24 tanh), residual(dense 9 silu)",
)
WITHOUT_STEPS = (
    "residual(residual(conv 3))",
    "residual(conv 3, avgpool 3 stride 1 padding same)",
    "conv 4 leaky relu",
    "conv 6 groups 3",
    "conv 4 dilation 2",
    "conv 4 silu, pool",
    "conv 4, pool padding same",
    "avgpool",
    "globalpool max",
    "layernorm",
    "conv 4, tanh",
)


def made(notation: str, shape: tuple[int, ...] = PICTURE, seed: int = 0) -> Any:
    """The network for pictures, all its numbers drawn anew: no head at zero, no norm that does nothing."""
    network = build(complete(parse(notation), shape, 10, kind="image"), shape, seed)
    rng = np.random.default_rng(seed)
    arrays = {**leaves(network, "parameter"), **leaves(network, "state")}
    drawn = {path: rng.normal(0, 0.3, array.shape).astype(np.float32) for path, array in arrays.items()}
    positive = ("variance", "deviation")
    return with_leaves(network, {path: np.abs(a) + 0.2 if path.endswith(positive) else a for path, a in drawn.items()})


def pictures(count: int, shape: tuple[int, ...] = PICTURE) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *shape), np.uint8)


def steps(network: Any, shape: tuple[int, ...] = PICTURE) -> list[Step]:
    found = feedforward.steps(network, shape)
    assert found is not None
    return found


def by_jax(network: Any, inputs: np.ndarray) -> np.ndarray:
    with native.kept_out():
        return np.asarray(apply(network, inputs, Context())[0])


@pytest.fixture
def best(forms: Forms) -> Iterator[None]:
    """The best library there is, also where the whole suite runs without."""
    with chosen(forms.libraries[0]):
        yield


@pytest.mark.parametrize("notation", NETWORKS)
@pytest.mark.parametrize("count", [1, 5, 130])
def test_it_answers_as_the_layers_do(forms: Forms, notation: str, count: int) -> None:
    network, inputs = made(notation), pictures(count)
    expected = by_jax(network, inputs)
    assert np.ptp(expected) > 0.1
    for library in forms.libraries:
        with chosen(library):
            found = Feedforward(steps(network))(inputs)
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6 * np.abs(expected).max(), err_msg=library)


TABLES = {
    "numbers": (5, (), 0),
    "waves": (3, (), 4),
    "indicators": (2, (4, 2), 0),
    "all, embeddings between": (3, (4, 14, 3, 40), 6),
    "codes alone": (0, (12, 3), 7),
}


def table(columns: tuple[int, tuple[int, ...], int], seed: int = 0) -> tuple[Any, np.ndarray]:
    """A network for a table of (numbers, codes of each category, waves a number), and 300 rows, one full of NaN."""
    numbers, codes, waves = columns
    width = (numbers + len(codes),)
    network = complete(parse("dense 20 silu"), width, 4, kind="table", columns=(numbers, codes), periodic=waves)
    rng = np.random.default_rng(seed)
    network = build(network, width, seed)
    drawn = {path: rng.normal(0, 0.3, a.shape).astype(np.float32) for path, a in leaves(network, "parameter").items()}
    rows = np.concatenate([rng.normal(size=(300, numbers)), rng.integers(0, [*codes], (300, len(codes)))], axis=1)
    rows[7, :numbers] = np.nan
    rows[8, :numbers] *= 1e4  # their waves are beyond what is taken off in parts
    return with_leaves(network, drawn), rows.astype(np.float32)


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
def test_it_answers_rows_of_a_table_as_the_layers_do(forms: Forms, columns: Any) -> None:
    network, rows = table(columns)
    expected = by_jax(network, rows)
    wild = np.arange(len(rows)) == 8
    assert np.isnan(expected[7]).all() == (columns[0] > 0)
    for library in forms.libraries:
        with chosen(library):
            whole = [Feedforward(steps(network, rows.shape[1:]), threads) for threads in (1, 2)]
        found = whole[0](rows)
        np.testing.assert_allclose(found[~wild], expected[~wild], rtol=2e-5, atol=1e-5, err_msg=library)
        # A rounding of 2e4 pi is 4e-3 of a turn.
        np.testing.assert_allclose(found[wild], expected[wild], rtol=0.02, err_msg=library)
        assert found.tobytes() == whole[1](rows).tobytes()
        assert np.array_equal(whole[0](rows[3:4])[0], found[3])


def test_waves_of_any_number(forms: Forms) -> None:
    """Cosines within 3 roundings of 1 of those in double precision, as far as the product of both goes exactly."""
    turns = np.concatenate([np.linspace(-1500, 1500, 4000), [0, 0.25, 0.5, 1, 1304, 1e6, 3e7]]).astype(np.float32)
    # One number and one wave of frequency 1: x, then cos(2 pi x) three times, twice and negative.
    weight = np.array([1, 0, 1, 2, -1, 0, 0, 0], np.float32)
    step = Step("table", (1,), (4,), weight, table=Table(1, 1, 0, 1, 2, 5))
    angle = (np.float32(2 * np.pi) * turns).astype(np.float64)
    for library in forms.libraries:
        with chosen(library):
            found = Feedforward([step])(turns[:, None])
        np.testing.assert_array_equal(found[:, 0], turns)
        np.testing.assert_allclose(found[:, 1], np.cos(angle), atol=4e-7, err_msg=library)
        np.testing.assert_array_equal(found[:, 2:], found[:, 1:2] * [2, -1])


def test_pictures_of_floats_are_as_good_as_bytes(best: None) -> None:
    del best
    inputs = pictures(3)
    whole = Feedforward(steps(made(NETWORKS[0])))
    assert np.array_equal(whole(inputs), whole(inputs.astype(np.float64)))
    assert np.array_equal(whole(inputs[::2]), whole(inputs)[::2])


@pytest.mark.parametrize("columns", [3, 10, 300])
def test_weights_that_meet_zeros_stay_unread_only_where_that_changes_nothing(forms: Forms, columns: int) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(1, 700)).astype(np.float32), rng.normal(size=(700, columns)).astype(np.float32)
    x[0, rng.permutation(700)[:400]] = 0
    x[0, 6:30] = 0
    infinite = weight.copy()
    infinite[[7, 20], -1] = np.inf, np.nan
    bias = np.zeros(columns, np.float32)
    for library in forms.libraries:
        with chosen(library):
            finite, other = (
                Feedforward([Step("dense", (700,), (columns,), array, bias)], 2)(x)[0] for array in (weight, infinite)
            )
        np.testing.assert_allclose(finite, x[0].astype(np.float64) @ weight, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(finite[:-1], other[:-1])
        assert np.isnan(other[-1])  # zero times infinity is no number


def test_inputs_may_be_read_only(best: None) -> None:
    del best
    answer = Feedforward(steps(made(NETWORKS[0])))
    inputs = pictures(2)
    kept = inputs.copy()
    kept.flags.writeable = False
    np.testing.assert_array_equal(answer(kept), answer(inputs))


def test_no_examples_no_answers(best: None) -> None:
    del best
    assert Feedforward(steps(made(NETWORKS[0])))(pictures(0)).shape == (0, 10)


@pytest.mark.parametrize("count", [1, 33, 300])
def test_threads_change_no_bit(forms: Forms, count: int) -> None:
    network, inputs = made("conv 32, pool, conv 64, pool, dense 128", (28, 28, 1)), pictures(count, (28, 28, 1))
    for library in forms.libraries:
        with chosen(library):
            found = [Feedforward(steps(network, (28, 28, 1)), threads)(inputs) for threads in (1, 2, 4)]
        assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes(), library


def test_several_ask_at_once(best: None) -> None:
    del best
    whole, inputs = Feedforward(steps(made(NETWORKS[0])), 2), pictures(40)
    expected = whole(inputs)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: whole(inputs), range(40)):
            assert np.array_equal(found, expected)


@pytest.mark.parametrize(("kind", "expected"), [("softmax", [0.25, 0.75]), ("sigmoid", [0.4, 0.6])])
def test_shares(forms: Forms, kind: Any, expected: list[float]) -> None:
    """Softmax of 0 and log 3; sigmoids of 0 and log 3 are 1/2 and 3/4."""
    outputs = np.array([[0.0, np.log(3)], [1000.0, -1000.0], [np.nan, 0.0]], np.float32)
    for library in forms.libraries:
        with chosen(library):
            found = Feedforward([Step(kind, (2,), (2,))])(outputs)
        np.testing.assert_allclose(found[0], expected, rtol=1e-6)
        assert found[1].tolist() == [1.0, 0.0]
        assert np.isnan(found[2]).all()


def test_many_classes_have_shares_that_add_up(forms: Forms) -> None:
    outputs = np.random.default_rng(0).normal(0, 3, (4, 53)).astype(np.float32)
    powers = np.exp(outputs.astype(np.float64))
    for library in forms.libraries:
        with chosen(library):
            found = Feedforward([Step("softmax", (53,), (53,))])(outputs)
        np.testing.assert_allclose(found, powers / powers.sum(1, keepdims=True), rtol=1e-6)


def test_a_norm_goes_into_the_weights_before_it() -> None:
    found = steps(made("conv 5 linear nobias, batchnorm, relu, pool, dense 9 linear, batchnorm"))
    assert [(step.kind, step.activation) for step in found] == [
        ("scale", "linear"),
        ("convolution", "relu"),
        ("dense", "linear"),
        ("dense", "linear"),
    ]
    assert found[1].block.pool is not None


@pytest.mark.parametrize("notation", WITHOUT_STEPS)
def test_what_has_no_step_has_none(notation: str) -> None:
    assert feedforward.steps(made(notation), PICTURE) is None


def test_what_does_not_fit_is_refused(best: None) -> None:
    del best
    whole = Feedforward(steps(made(NETWORKS[0])))
    for wrong in (pictures(2, (9, 11, 1)), pictures(1)[0], np.float32(1)):
        with pytest.raises(ShapeError, match=r"\[n, 9, 11, 3\]"):
            whole(wrong)
    with pytest.raises(ShapeError, match="dense"):
        Feedforward([Step("dense", (3,), (2,), np.ones((2, 3)), np.ones(2))])
    with pytest.raises(ShapeError, match="convolution"):
        Feedforward([Step("convolution", (4, 4, 1), (4, 4, 2), np.ones((3, 3, 1, 2)), np.ones(2))])
    with pytest.raises(ShapeError, match="table"):
        Feedforward([Step("table", (2,), (4,), np.ones(6), table=Table(1, 0, categories=(Category(3, 3, 1, 1),)))])


def test_without_a_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_NATIVE", "0")
    with pytest.raises(LaminaError, match="no native kernel"):
        Feedforward([Step("softmax", (2,), (2,))])
