"""The way back: jax.grad through the network itself, finite differences at every organ, a step that is taken."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.errors import OptionError, ShapeError
from lamina.inside.anatomy import anatomy
from lamina.inside.backward import backward
from lamina.inside.opened import opened
from lamina.inside.trace import flow, trace
from lamina.losses import LOSSES
from lamina.model import NetworkPart
from lamina.network import Context, Dense, Layer, Sequential, apply, leaves, with_leaves
from lamina.training.recipe import Recipe

Of = Callable[..., Any]


def target_of(part: NetworkPart) -> float:
    return 4.0 if part.loss == "squared" else 2


def loss_of(part: NetworkPart, network: Any, x: Any) -> jax.Array:
    """The loss by the network as it answers, none of its layers looked into."""
    y = target_of(part)
    target = jnp.asarray([(y - part.shift) / part.scale]) if part.loss == "squared" else jnp.asarray([y])
    numbers = {name: jnp.asarray(value) for name, value in Recipe().numbers().items()}
    return LOSSES[part.loss][1](apply(network, x, Context())[0], target, numbers)[0]


def test_gradients_of_parameters_are_those_of_the_whole_network(costly_case: Any, of_case: Of, drawn: Of) -> None:
    part, x = of_case(costly_case), drawn(costly_case, 2)[1]
    network = opened(part)

    def loss(parameters: Any, x: jax.Array) -> jax.Array:
        return loss_of(part, with_leaves(network, parameters), x)

    expected, gradients = jax.jit(jax.value_and_grad(loss))(leaves(network, "parameter"), x[None])
    back = backward(part, x, target_of(part), rate=0.02)
    assert back.loss == pytest.approx(float(expected), rel=1e-5)
    assert [of.path for of in back.weights] == list(gradients)
    for of in back.weights:
        np.testing.assert_allclose(of.gradient, gradients[of.path], rtol=1e-4, atol=1e-5, err_msg=of.path)
        np.testing.assert_array_equal(of.value, leaves(network, "parameter")[of.path])
        np.testing.assert_array_equal(of.change, -np.float32(0.02) * of.gradient)
    after = {of.path: jnp.asarray(of.value + of.change) for of in back.weights}
    assert back.loss_after == pytest.approx(float(jax.jit(loss)(after, x[None])), rel=1e-5)


def test_gradients_at_organs_are_finite_differences(costly_case: Any, of_case: Of, drawn: Of) -> None:
    """Each organ's output moved a little, along its gradient and along a random way."""
    part, x = untruncated(of_case(costly_case)), drawn(costly_case, 2)[1]
    back, organs, network = backward(part, x, target_of(part)), anatomy(part), opened(part)
    traced, random = trace(part, x), np.random.default_rng(0)
    assert [of.path for of in back.steps] == [organ.path for organ in organs[:-1]]

    @jax.jit
    def loss(x: jax.Array, moved: Any) -> jax.Array:
        made, _ = flow(network, organs, x.astype(jnp.float32), moved)
        return loss_of(part, Given(made[organs[-1].sources[0]]), x)

    still = {of.path: np.zeros((1, *of.gradient.shape), np.float32) for of in back.steps}
    for of in back.steps:
        output, alive = traced[of.path].output, traced[of.path].live
        assert (of.kind, of.gradient.shape) == (traced[of.path].kind, output.shape)
        if alive is not None:
            assert not of.gradient[~alive].any()
        around = random.normal(size=output.shape) * (1 if alive is None else over(alive, output))
        for way in (of.gradient, around) if of.path else (of.gradient,):
            # Of equals, as zeros behind a relu are, a pool takes one or shares: there is no slope to measure.
            way = way * alone(output) if of.path else way
            one = way / max(np.linalg.norm(way), 1e-30)
            expected = float((of.gradient * one).sum())
            # Where one step goes over a kink of a relu or a pool, a smaller one does not.
            for size in (1e-2, 2e-3, 4e-4):
                size *= max(1.0, float(np.nanmax(np.abs(output)))) if of.path == "" else 1
                moved = (size * one).astype(np.float32)[None]
                up, down = (float(loss(x[None], {**still, of.path: sign * moved})) for sign in (1, -1))
                if (up - down) / 2 == pytest.approx(size * expected, rel=0.01, abs=1e-6):
                    break
            else:
                pytest.fail(f"{of.path}: {expected} expected, {(up - down) / 2 / size} measured")


def alone(output: np.ndarray) -> np.ndarray:
    """Where a value stands that stands nowhere else."""
    _, which, counts = np.unique(output, return_inverse=True, return_counts=True)
    return (counts[which.reshape(-1)] == 1).reshape(output.shape)


def untruncated(part: NetworkPart) -> NetworkPart:
    """With all of the way back in time, which ``truncate`` leaves out on purpose."""
    layers = [dataclasses.replace(of, truncate=None) if hasattr(of, "truncate") else of for of in part.network.layers]
    return dataclasses.replace(part, network=Sequential(layers))


def over(alive: np.ndarray, output: np.ndarray) -> np.ndarray:
    return alive.reshape(-1, *(1,) * (output.ndim - 1))


class Given(Layer):
    """A network whose outputs are known."""

    outputs: Any

    def apply(self, x: jax.Array, context: Context) -> tuple[jax.Array, Any]:
        del x, context
        return self.outputs, self


def test_a_softmax_by_hand(part: Of) -> None:
    """Of cross entropy the gradient at the logits is the probabilities less the truth, and so on back by hand."""
    made = part(Sequential([Dense(4), Dense(3, "linear")]), (2,), "cross entropy")
    x = np.array([0.5, -1.5], np.float32)
    back, traced = backward(made, x, 1, rate=0.5), trace(made, x)
    wrong = traced.answer - np.array([0, 1, 0])
    np.testing.assert_allclose(back["1.dense"], wrong, atol=1e-6)
    assert back.loss == pytest.approx(-np.log(traced.answer[1]), rel=1e-5)
    hidden, second = traced["0.dense"].output, np.asarray(opened(made).layers[1].weight)
    np.testing.assert_allclose(back["0.dense"], second @ wrong, atol=1e-6)
    np.testing.assert_allclose(back["1.dense.weight"], np.outer(hidden, wrong), atol=1e-6)
    np.testing.assert_allclose(back["1.dense.bias"], wrong, atol=1e-6)
    before = (second @ wrong) * (hidden > 0)
    np.testing.assert_allclose(back["0.dense.weight"], np.outer(x, before), atol=1e-6)
    np.testing.assert_allclose(back[""], np.asarray(opened(made).layers[0].weight) @ before, atol=1e-6)
    assert (back.target, back.rate) == (1, 0.5)


def test_small_steps_downhill_lower_the_loss(costly_case: Any, of_case: Of, drawn: Of) -> None:
    part, x = of_case(costly_case), drawn(costly_case, 1)[0]
    back = backward(part, x, target_of(part), rate=1e-4)
    slope = sum(float(np.square(of.gradient).sum()) for of in back.weights)
    assert back.loss_after <= back.loss
    assert back.loss - back.loss_after == pytest.approx(1e-4 * slope, rel=0.2, abs=2e-6)


def test_a_value_is_meant_in_the_targets_units(part: Of) -> None:
    made = part(Sequential([Dense(1, "linear")]), (2,), "squared", shift=100.0, scale=10.0)
    x = np.array([0.3, 0.4], np.float32)
    (value,) = trace(made, x).answer
    assert backward(made, x, float(value)).loss == pytest.approx(0, abs=1e-9)
    assert backward(made, x, float(value) + 20).loss == pytest.approx(4, rel=1e-4)
    assert backward(made, x, float(value) + 20).target == pytest.approx(value + 20)


def test_other_examples_targets_rates_and_members_compile_nothing(of_case: Of, network_cases: Any, drawn: Of) -> None:
    case = network_cases["picture"]
    part, x = of_case(case), drawn(case, 2)
    backward(part, x[0], 0)
    found: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: found.append(event) if "backend_compile" in event else None
    )
    try:
        backward(part, x[1], 2, rate=0.3)
        backward(dataclasses.replace(part, parameters=part.parameters * 2), x[1], 1)
    finally:
        jax.monitoring.clear_event_listeners()
    assert found == []


@pytest.mark.parametrize("y", [-1, 3, 1.5, float("nan")])
def test_a_class_that_there_is_not_is_refused(part: Of, y: float) -> None:
    made = part(Sequential([Dense(3, "linear")]), (2,), "cross entropy")
    with pytest.raises(OptionError, match="no class"):
        backward(made, np.ones(2, np.float32), y)


def test_what_else_cannot_be_asked_is_refused(part: Of) -> None:
    made, x = part(Sequential([Dense(1, "linear")]), (2,)), np.ones(2, np.float32)
    with pytest.raises(ShapeError):
        backward(made, x[None], 0.0)
    for rate in (-0.1, float("inf"), float("nan")):
        with pytest.raises(OptionError, match="learning rate"):
            backward(made, x, 0.0, rate=rate)
    with pytest.raises(OptionError, match="target"):
        backward(made, x, float("nan"))
    with pytest.raises(OptionError, match="no gradient"):
        backward(made, x, 0.0)["7.dense"]
