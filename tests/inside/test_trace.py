"""Traces of networks of every kind of layer: each step re-applied by itself, and the answer the model's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from lamina.data.examples import Task
from lamina.errors import OptionError, ShapeError
from lamina.inside.anatomy import SUMS, anatomy
from lamina.inside.opened import opened
from lamina.inside.trace import Step, is_projection, outputs, trace
from lamina.model import Model
from lamina.network import (
    Activation,
    BatchNorm,
    Context,
    Conv,
    Dense,
    GlobalPool,
    ImageInput,
    Max,
    MaxPool,
    Residual,
    Sequential,
    SeriesInput,
    walk,
)
from lamina.network import trace as recorded

Of = Callable[..., Any]


def task(part: Any) -> Task:
    kind = "regression" if part.loss == "squared" else "classification"
    return Task(kind, "y", ("a", "b", "c") if kind == "classification" else ())


def test_inputs_are_what_came_out_of_the_sources(costly_case: Any, of_case: Of, drawn: Of) -> None:
    part, x = of_case(costly_case), drawn(costly_case, 1)[0]
    traced, organs = trace(part, x), anatomy(part)
    assert traced.paths == tuple(organ.path for organ in organs)
    np.testing.assert_array_equal(traced[""].output, x)
    for organ in organs:
        step = traced[organ.path]
        assert step.kind == organ.kind
        assert step.output.shape == organ.output_shape
        assert len(step.inputs) == len(organ.sources)
        for given, source in zip(step.inputs, organ.sources, strict=True):
            np.testing.assert_array_equal(given, traced[source].output)


def test_every_step_is_its_layer_applied_and_what_the_network_records(costly_case: Any, of_case: Of, drawn: Of) -> None:
    """Each layer to its inputs alone, of an example that ends early where there is a mask; and all in one go."""
    part, x = of_case(costly_case), drawn(costly_case, 3)[2]
    traced, network, organs = trace(part, x), opened(part), anatomy(part)[1:-1]
    layers = dict(walk(network))

    def again(inputs: Any, masks: Any, x: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        made = {}
        for organ in organs:
            if organ.kind not in (*SUMS, "concatenate"):
                context = Context(mask=masks[organ.sources[0]])
                made[organ.path] = layers[organ.path].apply(inputs[organ.path], context)[0][0]
        return made, recorded(network, x)

    inputs = {step.path: step.inputs[0][None] for step in traced.steps[1:]}
    masks = {step.path: None if step.live is None else step.live[None] for step in traced.steps}
    made, records = jax.jit(again)(inputs, masks, x[None])
    for organ in organs:
        step = traced[organ.path]
        if organ.kind in SUMS:
            made[organ.path] = step.inputs[0] + step.inputs[1]
        elif organ.kind == "concatenate":
            made[organ.path] = np.concatenate(step.inputs, axis=-1)
        close(step, made[organ.path])
        if organ.path in records:
            close(step, records[organ.path][0])


def close(step: Step, expected: Any) -> None:
    """Inside a transformer nothing hides what becomes of padding; a trace shows zeros there."""
    expected = np.asarray(expected)
    if step.live is not None:
        expected = np.where(step.live.reshape(-1, *(1,) * (expected.ndim - 1)), expected, 0)
    np.testing.assert_allclose(step.output, expected, rtol=1e-5, atol=2e-6, err_msg=step.path)


def test_the_answer_is_the_models(costly_case: Any, of_case: Of, drawn: Of) -> None:
    part, x = of_case(costly_case), drawn(costly_case, 3)[2]
    expected = part.answer(x[None], task(part)).ravel()
    np.testing.assert_allclose(trace(part, x).answer, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["table", "residual in time", "sound"])
def test_a_batch_is_its_examples(name: str, network_cases: Any, of_case: Of, drawn: Of) -> None:
    case = network_cases[name]
    part, x = of_case(case), drawn(case, 3)
    together, alone = trace(part, x), trace(part, x[2])
    for step in alone.steps:
        np.testing.assert_allclose(together[step.path].output[2], step.output, rtol=1e-5, atol=2e-6)
        live = together[step.path].live
        assert (live is None) == (step.live is None)
        if live is not None:
            np.testing.assert_array_equal(live[2], step.live)


def test_a_convolution_before_a_pool_and_a_norm_before_a_relu_have_outputs_of_their_own(part: Of) -> None:
    """In training, and where nobody looks, they run as one operation."""
    layers = [ImageInput(), Conv(3), MaxPool(), Residual(Sequential([Conv(3), BatchNorm()])), Activation("relu")]
    made = part(Sequential([*layers, GlobalPool(), Dense(3, "linear")]), (6, 6, 1), "cross entropy")
    x = np.random.default_rng(2).integers(0, 256, (6, 6, 1)).astype(np.uint8)
    traced = trace(made, x)
    conv, residual = traced["1.conv"].output, traced["3.residual"].output
    np.testing.assert_array_equal(traced["2.pool"].output, conv.reshape(3, 2, 3, 2, 3).max(axis=(1, 3)))
    assert (residual < 0).any()
    np.testing.assert_array_equal(traced["4.activation"].output, np.maximum(residual, 0))


def test_a_shorter_series_is_the_long_one_without_its_padding(part: Of) -> None:
    made = part(Sequential([SeriesInput(), Residual(Sequential([Conv(4), MaxPool(2)])), Max(), Dense(1)]), (8, 2))
    x = np.random.default_rng(4).normal(size=(8, 2)).astype(np.float32)
    x[5:] = np.nan
    long, short = trace(made, x), trace(made, x[:5])
    np.testing.assert_allclose(long.answer, short.answer, rtol=1e-5)
    assert long["1.residual"].live is not None
    assert long["1.residual"].live.tolist() == [True, True, False, False]
    assert not long["1.residual"].output[2:].any()
    np.testing.assert_allclose(long["1.residual"].output[:2], short["1.residual"].output, atol=1e-6)
    projection = next(organ for organ in anatomy(made) if is_projection(organ))
    assert short[projection.path].output.shape == (3, 4)  # one more than the pool lets through


def test_one_layers_output_for_any_number_of_examples(of_case: Of, network_cases: Any, drawn: Of) -> None:
    case = network_cases["table"]
    part, x = of_case(case), drawn(case, 300)
    found = outputs(part, x, "1.dense")
    assert len(found) == 300
    np.testing.assert_allclose(found, trace(part, x)["1.dense"].output, atol=1e-6)
    np.testing.assert_allclose(outputs(part, x[7], "1.dense"), found[7], atol=1e-6)


def test_a_second_question_compiles_nothing_also_of_another_member(of_case: Of, network_cases: Any, drawn: Of) -> None:
    case = network_cases["LSTM"]
    part, x = of_case(case), drawn(case, 3)
    trace(part, x)
    trace(part, x[0])
    other = dataclasses.replace(part, parameters=part.parameters * 0.5)
    found: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: found.append(event) if "backend_compile" in event else None
    )
    try:
        first = trace(part, x[1])
        second = trace(part, x[:2])
        third = trace(other, x[1])
    finally:
        jax.monitoring.clear_event_listeners()
    assert found == []
    np.testing.assert_allclose(first.answer, second.answer[1], atol=1e-6)
    assert np.abs(third.answer - first.answer).max() > 1e-3


def test_of_a_model_the_first_network_is_traced(of_case: Of, network_cases: Any, drawn: Of) -> None:
    case = network_cases["regression"]
    part, x = of_case(case), drawn(case, 4)
    other = dataclasses.replace(part, shift=-100.0)
    alone, both = (Model(Task("regression", "y"), "series", parts, {}) for parts in ((part,), (part, other)))
    np.testing.assert_allclose(trace(alone, x).answer[:, 0], alone.outputs(x)[0], rtol=1e-5)
    np.testing.assert_array_equal(trace(both, x).answer, trace(alone, x).answer)


@pytest.mark.parametrize("shape", [(), (2,), (2, 2, 4, 4), (0, 4)])
def test_other_axes_are_refused(of_case: Of, network_cases: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="shape"):
        trace(of_case(network_cases["LSTM"]), np.zeros(shape))


def test_a_layer_that_is_not_there_is_refused_with_the_nearest(of_case: Of, network_cases: Any, drawn: Of) -> None:
    case = network_cases["LSTM"]
    part, x = of_case(case), drawn(case, 1)[0]
    with pytest.raises(OptionError, match="1.lsmt") as refused:
        trace(part, x)["1.lsmt"]
    assert refused.value.mend == "1.lstm"
    with pytest.raises(OptionError, match="the input"):
        outputs(part, x, "nothing")
