"""Last, mean and max over the live steps, by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.errors import OptionError, ShapeError
from lamina.network import Context, Last, Layer, Max, Mean

X = jnp.asarray([[[1, 10], [-2, 20], [7, 70]], [[-5, -50], [-6, -40], [9, 99]], [[3, 3], [3, 3], [3, 3]]], jnp.float32)
MASK = jnp.asarray([[True, True, True], [True, True, False], [False, False, False]])
HOLES = jnp.asarray([[True, False, True], [False, True, False], [True, False, False]])


@pytest.mark.parametrize(
    ("layer", "mask", "expected"),
    [
        (Last(), None, [[7, 70], [9, 99], [3, 3]]),
        (Last(), MASK, [[7, 70], [-6, -40], [0, 0]]),
        (Last(), HOLES, [[7, 70], [-6, -40], [3, 3]]),
        (Last(bidirectional=True), None, [[7, 10], [9, -50], [3, 3]]),
        (Last(bidirectional=True), HOLES, [[7, 10], [-6, -40], [3, 3]]),
        (Mean(), None, [[2, 100 / 3], [-2 / 3, 3], [3, 3]]),
        (Mean(), MASK, [[2, 100 / 3], [-5.5, -45], [0, 0]]),
        (Max(), None, [[7, 70], [9, 99], [3, 3]]),
        (Max(), MASK, [[7, 70], [-5, -40], [0, 0]]),
    ],
)
def test_values_by_hand(layer: Layer, mask, expected) -> None:
    wild = X if mask is None else jnp.where(mask[:, :, None], X, jnp.nan)
    np.testing.assert_allclose(layer.apply(wild, Context(mask=mask))[0], expected, rtol=1e-6)


@pytest.mark.parametrize("layer", [Last(), Last(bidirectional=True), Mean(), Max()], ids=repr)
def test_the_gradient_goes_to_live_steps_only(layer: Layer) -> None:
    slopes = jax.grad(lambda x: jnp.sum(layer.apply(x, Context(mask=MASK))[0]))(X)
    live = np.broadcast_to(np.asarray(MASK)[:, :, None], X.shape)
    assert not np.asarray(slopes)[~live].any()
    np.testing.assert_allclose(slopes.sum(axis=1), [[1, 1], [1, 1], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize("layer", [Last(), Mean(), Max()], ids=repr)
def test_what_is_no_sequence_is_refused(layer: Layer) -> None:
    with pytest.raises(ShapeError, match="12 features"):
        layer.output_shape((12,))


def test_an_odd_number_of_features_has_no_halves() -> None:
    with pytest.raises(ShapeError, match="no two halves"):
        Last(bidirectional=True).output_shape((4, 3))
    with pytest.raises(OptionError):
        Last("both")  # type: ignore[arg-type]
