"""Activation functions in NumPy: those of the layers, by JAX, and their curves."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from lamina.inside import functions
from lamina.network import activation


def test_there_is_each_but_softmax_which_is_of_several_numbers() -> None:
    assert set(functions.FUNCTIONS) == set(activation.FUNCTIONS) - {"softmax"}


@pytest.mark.parametrize("name", functions.FUNCTIONS)
def test_it_is_that_of_the_layers(name: str) -> None:
    x = np.array([*np.linspace(-9, 9, 37), -90, 90], np.float32)
    own = [functions.at(name, value) for value in x]
    np.testing.assert_allclose(own, activation.activate(name, jnp.asarray(x)), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("x", [0.0, -3.0, 50.0])
def test_a_curve_holds_its_number(x: float) -> None:
    xs, ys = functions.curve("tanh", x)
    assert len(xs) == len(ys) == 81
    assert xs[0] <= min(x, -4)
    assert xs[-1] >= max(x, 4)
    np.testing.assert_allclose(ys, np.tanh(xs), rtol=1e-5)


def test_a_curve_around_no_number() -> None:
    assert functions.curve("relu", np.inf)[0][-1] == 4
