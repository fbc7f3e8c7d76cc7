"""Trees of layers: paths, building, equality, records, and the same network under every transformation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.errors import ShapeError
from lamina.network import (
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Residual,
    Sequential,
    apply,
    build,
    leaves,
    skeleton,
    trace,
    with_leaves,
)

NESTED = Sequential([Residual([Dense(3), Dropout(0.2)]), Concatenate([Dense(2), [BatchNorm(), Dense(1)]]), Dense(4)])


def test_paths_name_every_leaf() -> None:
    built = build(NESTED, (5,))
    assert list(leaves(built, "parameter")) == [
        "0.residual.body.0.dense.weight",
        "0.residual.body.0.dense.bias",
        "0.residual.projection.weight",
        "0.residual.projection.bias",
        "1.concatenate.0.sequential.0.dense.weight",
        "1.concatenate.0.sequential.0.dense.bias",
        "1.concatenate.1.sequential.0.batchnorm.scale",
        "1.concatenate.1.sequential.0.batchnorm.shift",
        "1.concatenate.1.sequential.1.dense.weight",
        "1.concatenate.1.sequential.1.dense.bias",
        "2.dense.weight",
        "2.dense.bias",
    ]
    assert list(leaves(built, "state")) == [
        "1.concatenate.1.sequential.0.batchnorm.mean",
        "1.concatenate.1.sequential.0.batchnorm.variance",
    ]
    assert list(leaves(NESTED, "number")) == ["0.residual.body.1.dropout.rate"]


def test_leaves_put_back_give_the_same_network() -> None:
    built = build(NESTED, (5,))
    every = leaves(built, "parameter") | leaves(built, "state") | leaves(built, "number")
    assert with_leaves(skeleton(NESTED, (5,)), every) == built
    assert len(every) == len(jax.tree.leaves(built))


def test_a_path_that_is_not_there_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"9\.dense\.weight"):
        with_leaves(NESTED, {"9.dense.weight": jnp.ones(1)})


def test_equal_seeds_build_equal_networks_wherever_they_are_built() -> None:
    built = build(NESTED, (5,), 7)
    assert built == build(NESTED, (5,), 7)
    assert built != build(NESTED, (5,), 8)
    many = jax.jit(lambda seeds: jax.lax.map(lambda s: build(NESTED, (5,), jax.random.key(s)), seeds))(
        jnp.array([3, 7])
    )
    for path, array in leaves(many, "parameter").items():
        np.testing.assert_array_equal(array[1], leaves(built, "parameter")[path])


def test_what_comes_after_does_not_change_a_layer() -> None:
    short, long = build(Sequential([Dense(3)]), (4,)), build(Sequential([Dense(3), Dense(9)]), (4,))
    np.testing.assert_array_equal(
        leaves(short, "parameter")["0.dense.weight"], leaves(long, "parameter")["0.dense.weight"]
    )


def test_no_two_layers_share_their_beginning() -> None:
    built = leaves(build(Sequential([Dense(4), Dense(4)]), (4,)), "parameter")
    assert not np.isin(built["0.dense.weight"], built["1.dense.weight"]).any()


def test_equality_and_hash_of_unbuilt_networks() -> None:
    same = Sequential([Dropout(0.5), Conv(3, (3, 3))])
    assert same == Sequential([Dropout(0.5), Conv(3)])
    assert hash(same) == hash(Sequential([Dropout(0.5), Conv(3)]))
    assert same != Sequential([Dropout(0.25), Conv(3)])
    assert same != Sequential([Dropout(0.5), Conv(3, 5)])
    assert Dense(3) != Conv(3)
    assert Dense(3) != "dense 3"


def test_sequences_in_sequences_are_joined() -> None:
    assert Sequential([Sequential([Dense(3)]), Dense(2)]) == Sequential([Dense(3), Dense(2)])


def test_trace_records_every_layer_and_changes_nothing() -> None:
    built, x = build(NESTED, (5,)), jnp.ones((2, 5))
    records = trace(built, x)
    assert list(records) == [
        "0.residual.body.0.dense",
        "0.residual.body.1.dropout",
        "0.residual",
        "1.concatenate.0.sequential.0.dense",
        "1.concatenate.0.sequential",
        "1.concatenate.1.sequential.0.batchnorm",
        "1.concatenate.1.sequential.1.dense",
        "1.concatenate.1.sequential",
        "1.concatenate",
        "2.dense",
    ]
    np.testing.assert_array_equal(records["2.dense"], apply(built, x)[0])


def test_a_network_is_a_pytree_and_its_repr_rebuilds_it() -> None:
    doubled = jax.tree.map(lambda a: 2 * a, build(NESTED, (5,)))
    assert isinstance(doubled, Sequential)
    names = {cls.__name__: cls for cls in (Sequential, Residual, Concatenate, Dense, Dropout, BatchNorm)}
    assert eval(repr(NESTED), names) == NESTED
    keys = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(doubled)]
    assert len(set(keys)) == len(keys)


def test_layers_do_not_mix_types(strict_types: None) -> None:
    built = build(Sequential([Conv(2), BatchNorm(), Dropout(0.1)]), (4, 4, 1))
    with jax.numpy_rank_promotion("raise"):
        assert apply(built, jnp.ones((2, 4, 4, 1)))[0].dtype == jnp.float32
