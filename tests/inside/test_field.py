"""Fields against the gradient: a place depends on exactly the part of the input that its field says."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.inside.field import fields
from lamina.network import (
    GRU,
    AvgPool,
    BatchNorm,
    Concatenate,
    Context,
    Conv,
    Dense,
    Flatten,
    Frames,
    Layer,
    MaxPool,
    Residual,
    Sequential,
    SoundInput,
    apply,
    build,
)

NETWORKS = {
    "plain": (Sequential([Conv(3, 3, "tanh"), AvgPool(2), Conv(2, 5, "tanh", stride=2)]), (23, 19, 2)),
    "valid and dilated": (
        Sequential([Conv(3, 3, "tanh", padding="valid", dilation=2), Conv(2, (1, 3), "tanh")]),
        (13, 12, 1),
    ),
    "residual": (
        Sequential(
            [
                Conv(2, 3, "tanh"),
                Residual(Sequential([Conv(4, 3, "tanh", stride=2), BatchNorm(), Conv(4, 3, "linear")])),
                AvgPool(2, padding="same"),
            ]
        ),
        (20, 17, 1),
    ),
    "branches": (Sequential([Concatenate([Conv(2, 1, "tanh"), Conv(2, 5, "tanh")]), Conv(2, 3, "tanh")]), (15, 15, 1)),
    "series": (Sequential([Conv(2, 4, "tanh", stride=2), Conv(2, 3, "tanh", causal=True)]), (21, 2)),
}


QUICK = "residual", "series"


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
def test_a_place_sees_its_field_and_nothing_else(name: str) -> None:
    network, shape = NETWORKS[name]
    built = build(network, shape, 1)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, *shape)), jnp.float32)
    found = fields(network, shape)
    for path, field in found.items():
        if path.endswith(("body", "projection")) or not path:
            continue
        assert field is not None

        def output(x: jax.Array, path: str = path) -> jax.Array:
            records: dict[str, jax.Array] = {}
            apply(built, x, Context(records=records))
            return records[path][0].sum(axis=-1)

        places = jax.eval_shape(output, x).shape
        gradient = jax.jit(jax.grad(lambda x, chosen, output=output: (output(x) * chosen).sum()))
        for at in {tuple(0 for _ in places), tuple(n // 2 for n in places), tuple(n - 1 for n in places)}:
            seen = np.asarray(gradient(x, jnp.zeros(places).at[at].set(1.0)))[0]
            depends = np.abs(seen).sum(axis=-1) > 0
            window = field.window(at)
            inside = np.zeros(shape[:-1], bool)
            inside[tuple(slice(*of) for of in window)] = True
            assert not (depends & ~inside).any()
            for axis in range(len(places)):  # as far as it says, along each axis
                others = tuple(other for other in range(len(places)) if other != axis)
                there = np.flatnonzero(depends.any(axis=others) if others else depends)
                assert (there[0], there[-1] + 1) == window[axis], (path, at)


def test_behind_what_takes_the_places_away_there_is_no_field() -> None:
    network = Sequential([Conv(3), MaxPool(), Flatten(), Dense(2)])
    found = fields(network, (8, 8, 1))
    assert found["1.pool"] is not None
    assert found["2.flatten"] is found["3.dense"] is None
    assert fields(Sequential([GRU(3)]), (7, 2))["0.gru"] is None


def test_a_spectrogram_as_a_sequence_keeps_its_time() -> None:
    layers: list[Layer] = [SoundInput(8000, mels=16), Conv(2), Frames(), Conv(3, 3)]
    found = fields(Sequential(layers), (1600,))
    assert found["1.conv"] is not None
    assert found["1.conv"].window((4, 0)) == ((3, 6), (0, 2))
    assert found["3.conv"] is not None
    assert found["3.conv"].window((4,)) == ((2, 7), (0, 16))
