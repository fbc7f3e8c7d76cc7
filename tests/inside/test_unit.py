"""Units: for every layer kind the terms, made of weights and inputs alone, add up to what the network computed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
import pytest

from lamina.errors import OptionError, ShapeError
from lamina.inside.anatomy import anatomy
from lamina.inside.arithmetic import Choice, Formula, Function, Lookup, Place, Products, Shares, Unit, check
from lamina.inside.trace import Step, Trace, trace
from lamina.inside.unit import MAKERS, unit
from lamina.model import NetworkPart
from lamina.network import (
    Activation,
    Conv,
    Dense,
    Embedding,
    Flatten,
    GlobalPool,
    ImageInput,
    Layer,
    MaxPool,
    Periodic,
    Sequential,
    SeriesInput,
    TableInput,
    leaves,
    with_leaves,
)

Part = Callable[..., NetworkPart]
CLOSE = 1e-5


def without_outputs(seen: Trace, path: str) -> Trace:
    """The trace with NaN for what the layer at ``path`` puts out, and all behind it: it can't have been read."""
    at = seen.paths.index(path)
    hidden = tuple(dataclasses.replace(step, output=np.full(step.output.shape, np.nan)) for step in seen.steps[at:])
    return Trace((*seen.steps[:at], *hidden))


def places(step: Step, rng: np.random.Generator, count: int) -> Iterator[tuple[int, ...]]:
    """Some indices of a step's output: all of a small one."""
    every = list(np.ndindex(step.output.shape))
    for at in rng.permutation(len(every))[:count]:
        yield every[at]


def size(made: Unit) -> float:
    """How large the numbers are that were added up: what an error is measured by."""
    sums = [float(np.abs(part.products).sum()) for part in made.parts if isinstance(part, Products)]
    return max([1.0, abs(made.output), *sums], key=np.nan_to_num)


def test_terms_add_up_to_what_every_layer_puts_out(network_case: Any, of_case: Any, drawn: Any) -> None:
    part = of_case(network_case)
    for x in drawn(network_case, 2, 4):
        agree(part, x, 12)


def check_chain(made: Unit, seen: Trace) -> None:
    """Every part follows from its own terms, and its terms from earlier parts and from outputs of earlier layers."""
    before: dict[str, float] = {}
    for part in made.parts:
        np.testing.assert_allclose(check(part), part.value, rtol=1e-6, atol=1e-6 * size(made))
        check_sources(part, before, seen)
        before[part.name] = part.value
    assert len(before) == len(made.parts)


def check_sources(part: Any, before: Mapping[str, float], seen: Trace) -> None:
    if isinstance(part, Function):
        expected = at(seen, part.place) if part.place else before[part.of]
        assert part.input == expected
    if isinstance(part, Formula):
        for name, place in part.places.items():
            np.testing.assert_allclose(part.operands[name], at(seen, place), atol=1e-5)
        assert all(before[name] == value for name, value in part.operands.items() if name in before)
    if isinstance(part, (Products, Choice)) and part.of in seen.paths:
        output = seen[part.of].output
        where = part.places()[part.there]
        np.testing.assert_array_equal(output[tuple(where.T)], part.inputs[part.there])


def at(seen: Trace, place: Place) -> float:
    return float(seen[place.of].output[place.index])


def agree(part: NetworkPart, x: np.ndarray, count: int = 6, seed: int = 0) -> None:
    """The units of every layer are what it put out, some of each, and their parts follow from each other."""
    seen, rng = trace(part, x), np.random.default_rng(seed)
    for organ in anatomy(part):
        for index in places(seen[organ.path], rng, count):
            blind = without_outputs(seen, organ.path) if organ.path else seen
            made = unit(part, x, organ.path, index, trace=blind)
            assert (made.path, made.kind, made.index) == (organ.path, organ.kind, index)
            np.testing.assert_equal(made.output, made.parts[-1].value)
            expected = seen[organ.path].output[index]
            np.testing.assert_allclose(made.output, expected, 0, CLOSE * size(made), err_msg=f"{organ.path} {index}")
            check_chain(made, seen)


def test_every_kind_of_organ_has_its_arithmetic(network_cases: Any, of_case: Any) -> None:
    met = {organ.kind for case in network_cases.values() for organ in anatomy(of_case(case))}
    assert met <= set(MAKERS)
    assert set(MAKERS) - met == {"periodic"}  # which stands within others; below, by itself


def random_network(rng: np.random.Generator) -> tuple[Sequential, tuple[int, ...]]:
    """A few convolutions and pools with settings drawn at random, over pictures or series."""
    axes, layers = int(rng.integers(1, 3)), []
    channels = 2
    for stage in range(int(rng.integers(1, 4))):
        groups = int(rng.choice([1, 2])) if channels % 2 == 0 else 1
        channels = groups * int(rng.integers(1, 4))
        kernel = tuple(int(k) for k in rng.integers(1, 4, axes))
        padding, causal = (
            rng.choice(["same", "valid", "1"] if stage == 0 else ["same"]),
            bool(axes == 1 and rng.integers(2)),
        )
        ends = "same" if causal else int(padding) if padding == "1" else str(padding)
        moves = {"stride": int(rng.integers(1, 3)), "dilation": int(rng.integers(1, 3)), "padding": ends}
        kinds = ["linear", "relu", "gelu", "softmax", "mish"]
        layers.append(Conv(channels, kernel, str(rng.choice(kinds)), **moves, groups=groups, causal=causal))
        if rng.integers(2):
            layers.append(MaxPool(2, int(rng.integers(1, 3)), "same"))
    first, ends = ImageInput() if axes == 2 else SeriesInput(), [Activation("softmax")]
    return Sequential([first, *layers, Flatten(), Dense(3, "softmax"), *ends, Dense(2, "linear")]), (*(17,) * axes, 2)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_random_networks(seed: int, part: Part) -> None:
    rng = np.random.default_rng(seed)
    network, shape = random_network(rng)
    x = rng.normal(size=shape).astype(np.float32) if len(shape) == 2 else rng.integers(0, 256, shape).astype(np.uint8)
    if len(shape) == 2 and seed % 2:
        x[13:] = np.nan
    agree(part(network, shape, "cross entropy"), x, seed=seed)


# ---- by hand ---------------------------------------------------------------------------------------------------------


def weighed(network: Layer, shape: tuple[int, ...], loss: str = "cross entropy", **arrays: Any) -> NetworkPart:
    """A part with these weights, by path with underscores for dots ("_0_dense_weight")."""
    from lamina.network import build
    from lamina.training.vector import Layout

    built = build(network, shape)
    known = {**leaves(built, "parameter"), **leaves(built, "state")}
    named = {path: arrays.get("_" + path.replace(".", "_"), array) for path, array in known.items()}
    set_ = with_leaves(built, {path: np.asarray(array, np.float32) for path, array in named.items()})
    packed = np.asarray(Layout.of(set_).pack(leaves(set_, "parameter")))
    return NetworkPart(network, shape, loss, None, packed, {k: np.asarray(v) for k, v in leaves(set_, "state").items()})  # pyright: ignore[reportArgumentType]


def test_a_convolution_by_hand() -> None:
    kernel = np.arange(9.0).reshape(3, 3, 1, 1)
    of = weighed(
        Sequential([Conv(1), Flatten(), Dense(2, "linear")]), (3, 3, 1), _0_conv_weight=kernel, _0_conv_bias=[-60.0]
    )
    x = np.arange(1.0, 10.0, dtype=np.float32).reshape(3, 3, 1)
    made = unit(of, x, "0.conv", (0, 1, 0))
    total, bent = made.parts
    assert isinstance(total, Products)
    assert isinstance(bent, Function)
    # The window lies on rows -1 to 1 and columns 0 to 2 of 1 2 3 / 4 5 6 / 7 8 9.
    assert (total.of, total.start, total.step, total.axes) == ("", (-1, 0, 0), (1, 1, 1), (0, 1, 2))
    assert total.there[:, :, 0].tolist() == [[False] * 3, [True] * 3, [True] * 3]
    assert total.products[:, :, 0].tolist() == [[0, 0, 0], [3, 8, 15], [24, 35, 48]]
    assert (total.bias, total.value, bent.of, bent.function, made.output) == (-60, 73, "sum", "relu", 73)
    assert total.places()[1, 2, 0].tolist() == [0, 2, 0]
    assert (len(bent.xs), bent.ys[bent.xs < 0].max(), bent.xs[-1] >= 73) == (81, 0, True)


def test_who_wins_a_pool() -> None:
    x = np.array([[1, 5, 2, 0], [5, 3, 9, 7]], np.float32)[:, :, None]
    of = weighed(Sequential([MaxPool(), Flatten(), Dense(2)]), (2, 4, 1))
    (left,), (right,) = (unit(of, x, "0.pool", (0, at, 0)).parts for at in (0, 1))
    assert isinstance(left, Choice)
    assert isinstance(right, Choice)
    assert (left.won, left.value, left.inputs.tolist()) == ((0, 1), 5, [[1, 5], [5, 3]])  # the first of equals
    assert right.places()[right.won].tolist() == [1, 2, 0]
    assert (right.won, right.value, right.start) == ((1, 0), 9, (0, 2, 0))


def test_a_flattened_number_says_where_it_stood() -> None:
    of = weighed(Sequential([Flatten(), Dense(2)]), (2, 3, 4))
    (passed,) = unit(of, np.arange(24, dtype=np.float32).reshape(2, 3, 4), "0.flatten", (17,)).parts
    assert isinstance(passed, Formula)
    assert (passed.value, passed.places["x"]) == (17, Place("", (1, 1, 1)))


def test_softmax_by_hand() -> None:
    of = weighed(Sequential([Dense(3, "linear")]), (1,), _0_dense_weight=[[0.0, np.log(2), np.log(5)]])
    (part,) = unit(of, np.ones(1, np.float32), "answer", (2,)).parts
    assert isinstance(part, Shares)
    np.testing.assert_allclose(part.exponentials, [1, 2, 5], rtol=1e-6)
    np.testing.assert_allclose([part.total, part.value, part.shift], [8, 5 / 8, 0], rtol=1e-6)
    assert part.of == "0.dense"


def test_logits_too_large_for_exp_are_shifted() -> None:
    of = weighed(Sequential([Dense(2, "linear")]), (1,), _0_dense_weight=[[200.0, 201.0]])
    (part,) = unit(of, np.ones(1, np.float32), "answer", (1,)).parts
    assert isinstance(part, Shares)
    np.testing.assert_allclose([part.shift, part.value], [201, 1 / (1 + np.exp(-1))], rtol=1e-6)
    np.testing.assert_allclose(check(part), part.value)


def test_a_value_comes_back_to_the_targets_units(part: Part) -> None:
    of = part(Sequential([Dense(1, "linear")]), (2,), "squared", scale=10.0, shift=3.0)
    x = np.array([1, -1], np.float32)
    made, logit = unit(of, x, "answer", (0,)), unit(of, x, "0.dense", (0,)).output
    np.testing.assert_allclose(made.output, logit * 10 + 3, rtol=1e-6)


def test_a_gate_names_the_states_before_it(network_cases: Any, of_case: Any, series: np.ndarray) -> None:
    of = of_case(network_cases["LSTM"])
    seen = trace(of, series[2])  # of 4 steps
    hidden = seen["1.lstm"].output
    for (step, feature), before in (((2, 1), 1), ((1, 5), 2), ((0, 1), None), ((3, 5), None)):
        made, offset = unit(of, series[2], "1.lstm", (step, feature)), 4 * (feature >= 4)
        from_hidden = made["forget gate from hidden"]
        assert isinstance(from_hidden, Products)
        assert from_hidden.there.all() == (before is not None)
        own = hidden[before, offset : offset + 4] if before is not None else np.zeros(4)
        np.testing.assert_allclose(from_hidden.inputs, own, atol=1e-6)
        assert from_hidden.start == (step + (1 if offset else -1), offset)
        names = [part.name for part in made.parts]
        assert names[3::4][:4] == ["input gate", "forget gate", "candidate", "output gate"]
        assert names[-3:] == ["cell", "tanh of cell", "hidden"]
    padded = unit(of, series[2], "1.lstm", (5, 0))
    assert [(part.name, part.value) for part in padded.parts] == [("padding", 0)]


def test_a_gru_mixes_what_was_and_what_is_new(network_cases: Any, of_case: Any, series: np.ndarray) -> None:
    of = of_case(network_cases["GRU"])
    mixed = unit(of, series[0], "1.gru", (3, 2)).parts[-1]
    assert isinstance(mixed, Formula)
    assert mixed.places == {"hidden before": Place("1.gru", (2, 2))}
    np.testing.assert_allclose(mixed.operands["hidden before"], trace(of, series[0])["1.gru"].output[2, 2], atol=1e-6)


def test_attention_shows_whom_a_step_looks_at(network_cases: Any, of_case: Any, series: np.ndarray) -> None:
    made = unit(of_case(network_cases["transformer"]), series[2], "5.attention", (2, 1))
    for head in ("head 1", "head 2"):
        score, share, adds = (made[f"{head} {what}"] for what in ("score", "shares", "adds"))
        assert isinstance(share, Shares)
        assert isinstance(score, Products)
        assert isinstance(adds, Products)
        assert share.there.tolist() == [True] * 3 + [False] * 4
        np.testing.assert_allclose(share.shares.sum(), 1, rtol=1e-6)
        assert share.at == int(np.argmax(share.shares))
        np.testing.assert_allclose(share.inputs[share.at], score.value, rtol=1e-5)
        np.testing.assert_array_equal(adds.weights, share.shares)
    total = made.parts[-1]
    assert isinstance(total, Products)
    assert total.inputs.tolist() == [np.float32(made[f"head {h} adds"].value) for h in (1, 2)]


def test_a_row_of_an_embedding_by_the_words_of_its_table(part: Part) -> None:
    from lamina.data.preprocess import TablePreprocessing
    from lamina.data.schema import infer_schema
    from lamina.data.table import read_table

    table = read_table("sample:penguins")
    prepare = TablePreprocessing.fit(infer_schema(table, target="species"), table)
    network = Sequential([TableInput(prepare.numbers, prepare.cardinalities), Dense(3, "linear")])
    of = dataclasses.replace(part(network, (11,), "cross entropy"), preprocessing=prepare)
    x = prepare.transform(table)[0]
    agree(of, x, 99)
    (found,) = unit(of, x, "0.table", (prepare.numbers,)).parts
    assert isinstance(found, Lookup)
    assert (found.table, found.label, found.place) == ("indicators of island", "Torgersen", Place("", (9,)))


def test_codes_and_waves(part: Part) -> None:
    for code in (0, 1, 5):
        agree(
            part(Sequential([Embedding(6, 3), Flatten(), Dense(1, "linear")]), (2,)), np.full(2, code, np.float32), 99
        )
    waves = part(Sequential([Periodic(4), Dense(1, "linear")]), (3,))
    agree(waves, np.array([0.5, -2, 1], np.float32), 99)
    assert [p.name for p in unit(waves, np.ones(3, np.float32), "0.periodic", (3,)).parts][-2:] == ["wave 4", "output"]


# ---- what is asked for -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> NetworkPart:
    return weighed(Sequential([ImageInput(), Conv(2), GlobalPool(), Dense(3, "linear")]), (5, 4, 1))


@pytest.mark.parametrize(
    ("path", "index", "given", "expected", "mend"),
    [
        ("1.conf", (0, 0, 0), "'1.conf'", "0.image, 1.conv, 2.globalpool, 3.dense, answer", "1.conv"),
        ("conv", (0, 0, 0), "'conv'", "1.conv", "1.conv"),
        ("1.conv", (5, 0, 0), "5,0,0", "3 whole numbers: height 0 to 4, width 0 to 3, channel 0 to 1", "0,0,0"),
        ("1.conv", (0, 0), "0,0", "3 whole numbers", "0,0,0"),
        ("1.conv", (0, -1, 0), "0,-1,0", "width 0 to 3", "0,0,0"),
        ("answer", (0, 0), "0,0", "1 whole number: class 0 to 2", "0"),
    ],
)
def test_what_there_is_not(
    small: NetworkPart, path: str, index: tuple[int, ...], given: str, expected: str, mend: str
) -> None:
    with pytest.raises(OptionError) as caught:
        unit(small, np.zeros((5, 4, 1), np.uint8), path, index)
    assert given in caught.value.given
    assert expected in str(caught.value.expected)
    assert caught.value.mend == mend


def test_several_examples_are_refused(small: NetworkPart) -> None:
    with pytest.raises(ShapeError, match="One example"):
        unit(small, np.zeros((2, 5, 4, 1), np.uint8), "1.conv", (0, 0, 0))


def test_a_click_compiles_nothing(network_case: Any, of_case: Any, drawn: Any) -> None:
    part, x = of_case(network_case), drawn(network_case, 1)[0]
    seen = trace(part, x)
    for organ in anatomy(part):
        index = (0,) * seen[organ.path].output.ndim
        unit(part, x, organ.path, index, trace=seen)  # the first look at a network may open it
        with jax.transfer_guard("disallow_explicit"):  # after that nothing goes to JAX
            unit(part, x, organ.path, index, trace=seen)


@pytest.mark.slow
def test_a_click_takes_no_time(part: Part) -> None:
    """Under 20 ms for a network of 100,000 weights."""
    layers = [ImageInput(), Conv(32), MaxPool(), Conv(64), MaxPool(), Flatten(), Dense(26), Dense(10, "linear")]
    of, rng = part(Sequential(layers), (28, 28, 1), "cross entropy"), np.random.default_rng(0)
    x = rng.integers(0, 256, (28, 28, 1)).astype(np.uint8)
    seen = trace(of, x)
    unit(of, x, "1.conv", (0, 0, 0), trace=seen)
    took = []
    for organ in anatomy(of):
        for index in places(seen[organ.path], rng, 5):
            began = time.perf_counter()
            unit(of, x, organ.path, index, trace=seen)
            took.append(time.perf_counter() - began)
    assert np.median(took) < 0.02
