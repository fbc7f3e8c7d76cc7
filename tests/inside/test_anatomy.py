"""Anatomy of networks of every kind of layer: shapes, sums, order; settings by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from lamina.data.examples import Task
from lamina.errors import OptionError
from lamina.inside.anatomy import anatomy, has_mask
from lamina.inside.opened import opened
from lamina.model import Model
from lamina.network import (
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    Last,
    MaxPool,
    Residual,
    Sequential,
    SeriesInput,
    SoundInput,
    Transformer,
    summarize,
    walk,
)
from lamina.network import trace as recorded
from lamina.network.serial import LAYERS
from lamina.network.summary import totals

Of = Callable[..., Any]


def test_every_layer_is_an_organ_behind_its_sources(network_case: Any, of_case: Of) -> None:
    part = of_case(network_case)
    organs = anatomy(part)
    paths = [organ.path for organ in organs]
    assert (paths[0], paths[-1]) == ("", "answer")
    assert len(set(paths)) == len(paths)
    for at, organ in enumerate(organs):
        assert set(organ.sources) <= set(paths[:at])
        assert len(organ.axes) == len(organ.output_shape)
        json.dumps(organ.settings, allow_nan=False)
    halves = {path for path in paths if path.endswith(".attended")}
    layers = {path for path, layer in walk(opened(part)) if not isinstance(layer, Sequential)}
    inner = {path for path in layers if path.startswith("0.table.") or path.endswith(".backward")}
    assert set(paths) - {"", "answer"} - halves == layers - inner


def test_sizes_add_up(network_case: Any, of_case: Of) -> None:
    part = of_case(network_case)
    organs = anatomy(part)
    rows = {row.path: row for row in summarize(part.network, part.shape)}
    parameters, adds = totals(list(rows.values()))
    assert sum(organ.parameters for organ in organs) == parameters == part.parameters.size
    assert sum(organ.multiply_adds for organ in organs) == adds
    for organ in organs:
        if organ.path in rows:
            row = rows[organ.path]
            assert (organ.kind, organ.description) == (row.kind, row.description)
            assert organ.output_shape == row.output_shape


def test_shapes_are_those_of_what_runs(network_case: Any, of_case: Of, drawn: Of) -> None:
    part, x = of_case(network_case), drawn(network_case, 1)
    records = jax.eval_shape(lambda x: recorded(opened(part), x), jnp.asarray(x))
    organs = {organ.path: organ for organ in anatomy(part)}
    shared = organs.keys() & records.keys()
    assert len(shared) >= 2
    for path in shared:
        assert records[path].shape[1:] == organs[path].output_shape


def test_a_mask_is_known_of(network_case: Any, of_case: Of) -> None:
    first = network_case[0].layers[0]
    assert has_mask(anatomy(of_case(network_case))) == (first.kind == "sound" or getattr(first, "padded", False))


def test_every_kind_of_layer_is_tested(network_cases: Any, of_case: Of) -> None:
    kinds = {layer.kind for case in network_cases.values() for _, layer in walk(opened(of_case(case)))}
    assert kinds == set(LAYERS)


def test_a_residual_by_hand(part: Of) -> None:
    network = Sequential([Residual(Sequential([Conv(6, stride=2), BatchNorm()])), Flatten(), Dense(2, "linear")])
    organs = {organ.path: organ for organ in anatomy(part(network, (5, 4, 3), "cross entropy"))}
    conv, norm, projection, residual = (
        organs[f"0.residual{rest}"] for rest in (".body.0.conv", ".body.1.batchnorm", ".projection", "")
    )
    assert (conv.sources, norm.sources, projection.sources) == (("",), (conv.path,), ("",))
    assert residual.sources == (projection.path, norm.path)
    assert (residual.input_shape, residual.output_shape, residual.parameters) == ((3, 2, 6), (3, 2, 6), 0)
    assert conv.parameters == 3 * 3 * 3 * 6 + 6
    assert conv.multiply_adds == 3 * 2 * 6 * 27
    assert conv.axes == ("height", "width", "channel")
    expected = {"features": 6, "kernel": [3, 3], "stride": [2, 2], "dilation": [1, 1], "padding": [[1, 1], [0, 1]]}
    expected |= {"activation": "relu", "groups": 1, "causal": False, "ends": "same"}
    assert conv.settings == {**conv.settings, **expected}
    assert organs["answer"].settings == {"function": "softmax"}
    assert organs["2.dense"].axes == ("class",)


def test_a_transformer_and_branches_by_hand(part: Of) -> None:
    branches = Concatenate((Sequential([Conv(2, 3, causal=True)]), Sequential([MaxPool(3, 1, "same")])))
    network = Sequential([SeriesInput(), branches, Transformer(2), Last(), Dense(1, "linear")])
    organs = {organ.path: organ for organ in anatomy(part(network, (5, 2), shift=1.5, scale=2.0))}
    sources = {path: organ.sources for path, organ in organs.items() if path.startswith(("1", "2"))}
    joined, block = "1.concatenate", "2.transformer"
    first, second = f"{joined}.0.sequential.0.conv", f"{joined}.1.sequential.0.pool"
    assert sources == {
        first: ("0.series",),
        second: ("0.series",),
        joined: (first, second),
        f"{block}.attention_norm": (joined,),
        f"{block}.attention": (f"{block}.attention_norm",),
        f"{block}.attended": (joined, f"{block}.attention"),
        f"{block}.norm": (f"{block}.attended",),
        f"{block}.hidden": (f"{block}.norm",),
        f"{block}.output": (f"{block}.hidden",),
        block: (f"{block}.attended", f"{block}.output"),
    }
    assert organs[joined].output_shape == (5, 4)
    assert organs[first].settings["padding"] == [[2, 0]]
    assert organs[second].settings == {"window": [3], "stride": [1], "padding": [[1, 1]], "ends": "same"}
    assert [organs[path].kind for path in (f"{block}.attended", block)] == ["sum", "transformer"]
    assert organs[block].settings["heads"] == 2
    assert organs[""].axes == ("time", "channel")
    assert organs["answer"].settings == {"function": "scale", "scale": 2.0, "shift": 1.5}
    assert organs["answer"].axes == ("value",)


def test_along_time_padding_does_not_depend_on_the_length(part: Of) -> None:
    network = Sequential([SoundInput(1000, mels=6), Conv(2, 3, stride=2), GlobalPool(), Dense(2, "linear")])
    conv = anatomy(part(network, (80,), "cross entropy"))[2]
    assert conv.settings["padding"] == [[1, 0], [0, 1]]  # of 8 frames, which are time, and 6 bands


def test_of_a_model_it_is_that_of_its_first_network_made_once(part: Of) -> None:
    first = part(Sequential([Dense(4), Dense(1, "linear")]), (3,))
    model = Model(Task("regression", "y"), "table", (first, part(Sequential([Dense(1)]), (3,))), {})
    assert anatomy(model) is anatomy(first)
    assert len(anatomy(model)) == 4


def test_what_is_no_sequence_of_layers_is_refused(part: Of) -> None:
    with pytest.raises(OptionError, match="dense"):
        anatomy(part(Dense(1, "linear"), (3,)))
