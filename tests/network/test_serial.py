"""Networks as JSON: round trips, and what a stranger might send."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.errors import ModelFileError
from lamina.network import (
    Conv,
    Flatten,
    ImageInput,
    MaxPool,
    Sequential,
    build,
    complete,
    from_json,
    leaves,
    to_json,
)
from lamina.network.notation import parse


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_json_gives_the_network_back(networks: st.SearchStrategy[Sequential], data: st.DataObject) -> None:
    network = data.draw(networks)
    assert from_json(json.loads(json.dumps(to_json(network)))) == network


def test_json_of_a_completed_and_built_network() -> None:
    network = complete(parse("residual(dense 5)"), (3,), 2, kind="table", columns=(2, (12,)), periodic=3)
    assert from_json(to_json(build(network, (3,)))) == network
    recurrent = complete(parse("lstm 3 bidirectional, gru 2"), (4, 3), 2, kind="series")
    assert from_json(json.loads(json.dumps(to_json(build(recurrent, (4, 3)))))) == recurrent
    pictures = Sequential([ImageInput(), Conv(3, (3, 1)), MaxPool(), Flatten()])
    assert from_json(json.loads(json.dumps(to_json(pictures)))) == pictures


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        "dense",
        {},
        {"kind": "system"},
        {"kind": ["dense"]},
        {"kind": "dense"},
        {"kind": "dense", "features": "8"},
        {"kind": "dense", "features": True},
        {"kind": "dense", "features": 8, "weight": [1.0]},
        {"kind": "dense", "features": 8, "activation": ["relu"]},
        {"kind": "dense", "features": {"kind": "relu"}},
        {"kind": "dropout", "rate": float("nan")},
        {"kind": "dropout", "rate": "0.5"},
        {"kind": "conv", "features": 3, "kernel": [3, "3"]},
        {"kind": "conv", "features": 3, "padding": None},
        {"kind": "batchnorm", "momentum": "a"},
        {"kind": "lstm", "features": 8, "bidirectional": "yes"},
        {"kind": "lstm", "features": 8, "backward": {"kind": "lstm", "features": 8}},
        {"kind": "rnn", "features": 8, "activation": "gelu"},
        {"kind": "lstm", "features": 8, "recurrent_dropout": "0.5"},
        {"kind": "lstm", "features": 8, "recurrent_dropout": 2},
        {"kind": "lstm", "features": 8, "truncate": 0.5},
        {"kind": "attention", "heads": 0},
        {"kind": "attention", "heads": 2, "causal": "no"},
        {"kind": "transformer", "heads": 2, "hidden_features": "8"},
        {"kind": "transformer", "heads": 2, "attention": {"kind": "attention", "heads": 2}},
        {"kind": "conv", "features": 8, "causal": 1},
        {"kind": "last", "bidirectional": 1},
        {"kind": "sequential", "layers": []},
        {"kind": "sequential", "layers": 3},
        {"kind": "sequential", "layers": ["dense"]},
        {"kind": "residual", "body": 3},
        {"kind": "table", "numbers": 1, "cardinalities": 3},
        {"kind": "table", "numbers": None},
    ],
    ids=str,
)
def test_json_from_a_stranger_is_refused(values) -> None:
    with pytest.raises(ModelFileError):
        from_json(values)


def test_json_nested_too_deeply_is_refused() -> None:
    values: dict = {"kind": "flatten"}
    for _ in range(2000):
        values = {"kind": "residual", "body": {"kind": "sequential", "layers": [values]}}
    with pytest.raises(ModelFileError):
        from_json(values)


def test_numbers_come_back_to_the_bit() -> None:
    rate = np.float32(0.1)
    back = from_json(json.loads(json.dumps(to_json(parse("dropout 0.1")))))
    assert leaves(back, "number")["0.dropout.rate"] == rate
