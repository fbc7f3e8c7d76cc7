"""What completion adds, and the shapes it refuses."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

from lamina.errors import ShapeError
from lamina.network import Dense, Sequential, TableInput, apply, build, complete, leaves
from lamina.network.notation import parse

NOTATION = "conv 32, pool, conv 64, pool, dense 128, dropout 0.5"


def test_pictures_get_their_input_flatten_and_head() -> None:
    network = complete(parse(NOTATION), (28, 28, 1), 10, kind="image")
    kinds = [layer.kind for layer in network.layers]
    assert kinds == ["image", "conv", "pool", "conv", "pool", "flatten", "dense", "dropout", "dense"]
    assert network.layers[-1] == Dense(10, "linear", initialiser="zeros")
    built = build(network, (28, 28, 1))
    assert apply(built, jnp.zeros((2, 28, 28, 1), jnp.uint8))[0].shape == (2, 10)


def test_a_picture_that_meets_no_dense_is_flattened_before_the_head() -> None:
    kinds = [layer.kind for layer in complete(parse("conv 4"), (5, 5, 1), 2, kind="image").layers]
    assert kinds == ["image", "conv", "flatten", "dense"]


def test_a_flatten_or_globalpool_that_is_there_is_enough() -> None:
    for text in ("conv 4, flatten, dense 3", "conv 4, globalpool, dense 3"):
        kinds = [layer.kind for layer in complete(parse(text), (5, 5, 1), 2, kind="image").layers]
        assert kinds.count("flatten") == text.count("flatten")


@pytest.mark.slow
def test_a_sequence_gets_a_mean_over_time_before_the_first_dense_layer_and_the_head() -> None:
    for text, kinds in (
        ("lstm 8", ["series", "lstm", "mean", "dense"]),
        ("conv 4, gru 8, dense 3", ["series", "conv", "gru", "mean", "dense", "dense"]),
        ("lstm 8, last, dense 3", ["series", "lstm", "last", "dense", "dense"]),
    ):
        network = complete(parse(text), (6, 2), 5, kind="series")
        assert [layer.kind for layer in network.layers] == kinds
        assert apply(build(network, (6, 2)), jnp.zeros((3, 6, 2)))[0].shape == (3, 5)


@pytest.mark.slow
def test_a_sound_is_a_picture_until_a_layer_reads_sequences() -> None:
    for text, kinds in (
        ("conv 4, pool, dense 3", ["sound", "conv", "pool", "flatten", "dense", "dense"]),
        ("conv 4, pool, lstm 8", ["sound", "conv", "pool", "frames", "lstm", "mean", "dense"]),
        ("last", ["sound", "frames", "last", "dense"]),
    ):
        network = complete(parse(text), (800,), 5, kind="sound", rate=8000)
        assert [layer.kind for layer in network.layers] == kinds
        assert apply(build(network, (800,)), jnp.zeros((3, 800), jnp.int16))[0].shape == (3, 5)


def test_tables_get_their_input() -> None:
    network = complete(parse("dense 8"), (4,), 1, kind="table", columns=(2, (3, 20)), periodic=5)
    assert network == Sequential([TableInput(2, (3, 20), 5), Dense(8), Dense(1, "linear")])
    built = build(network, (4,))
    assert leaves(built, "parameter")["1.dense.weight"].shape == (2 * 4 + 2 + 10, 8)


@pytest.mark.parametrize(
    ("text", "shape", "words"),
    [
        ("conv 8, pool, pool, pool", (5, 5, 1), r"layer 4 \(pool\): pool: a window of 2x2 does not fit into 1x1"),
        (
            "dense 8, conv 8",
            (5, 5, 1),
            r"layer 2 \(conv\): conv moves over pictures or sequences, and is given 8 features",
        ),
        ("conv 8, conv 9 groups 2", (5, 5, 1), r"layer 2 \(conv\)"),
        ("residual(conv 8, dense 3, pool 9)", (5, 5, 1), r"layer 1 \(residual\): layer 3 \(pool\)"),
        ("dense 8, lstm 4", (5, 5, 1), r"layer 2 \(lstm\): lstm reads sequences, and is given 8 features"),
    ],
)
def test_a_shape_that_cannot_fit_names_the_layer_as_it_was_written(text: str, shape, words: str) -> None:
    with pytest.raises(ShapeError, match=words) as caught:
        complete(parse(text), shape, 3, kind="image")
    assert caught.value.mend


def test_a_convolution_on_a_table_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"layer 1 \(conv\).*12 features"):
        complete(parse("conv 8"), (12,), 3, kind="table", columns=(12, ()))


def test_a_giant_is_refused_before_it_takes_memory() -> None:
    with pytest.raises(
        ShapeError, match=r"1,000,00\d,000,\d{3} parameters, most of them in 2\.dense\.weight"
    ) as caught:
        complete(parse("dense 1000000, dense 1000000"), (4,), 2, kind="table", columns=(4, ()))
    assert "2,000,000,000" in caught.value.expected
