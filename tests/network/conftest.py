"""Random networks of every layer that the notation can say."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from lamina.network import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Attention,
    AvgPool,
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Frames,
    GlobalPool,
    Last,
    Layer,
    LayerNorm,
    Max,
    MaxPool,
    Mean,
    Positions,
    Residual,
    Sequential,
    Transformer,
)
from lamina.network.activation import FUNCTIONS
from lamina.network.initialisers import NAMES

activations = st.sampled_from(sorted(FUNCTIONS))
initialisers = st.sampled_from(("default", *NAMES))
counts = st.integers(1, 300)
small = st.integers(1, 7)
sizes = small | st.tuples(small, small)
paddings = st.sampled_from(("same", "valid")) | st.integers(0, 4)
rates = st.floats(0, 0.99)
shares = st.floats(1e-6, 1)
recurrent: dict[str, st.SearchStrategy] = {
    "bidirectional": st.booleans(),
    "recurrent_dropout": st.none() | rates,
    "truncate": st.none() | counts,
    "initialiser": initialisers,
}

plain: st.SearchStrategy[Layer] = st.one_of(
    st.builds(Dense, counts, activations, initialisers, st.booleans()),
    st.builds(
        Conv,
        counts,
        sizes,
        activations,
        stride=sizes,
        padding=paddings,
        dilation=sizes,
        groups=small,
        initialiser=initialisers,
        biased=st.booleans(),
    ),
    st.builds(Conv, counts, sizes, activations, stride=sizes, dilation=sizes, causal=st.booleans()),
    st.builds(MaxPool, sizes, st.none() | sizes, st.sampled_from(("same", "valid", 0))),
    st.builds(AvgPool, sizes, st.none() | sizes, st.sampled_from(("same", "valid", 0))),
    st.builds(GlobalPool, st.sampled_from(("mean", "max"))),
    st.builds(Flatten),
    st.builds(Frames),
    st.builds(Dropout, rates),
    st.builds(BatchNorm, shares, shares),
    st.builds(LayerNorm, shares),
    st.builds(Activation, activations),
    st.builds(RNN, counts, st.sampled_from(("tanh", "relu")), **recurrent),
    st.builds(LSTM, counts, **recurrent),
    st.builds(GRU, counts, **recurrent),
    st.builds(Attention, counts, st.booleans(), initialiser=initialisers),
    st.builds(Transformer, counts, st.booleans(), hidden_features=st.none() | counts, dropout=st.none() | rates),
    st.builds(Positions),
    st.builds(Last, st.booleans()),
    st.builds(Mean),
    st.builds(Max),
)
layers: st.SearchStrategy[Layer] = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.builds(Residual, st.lists(inner, min_size=1, max_size=3)),
        st.builds(Concatenate, st.lists(st.builds(Sequential, st.lists(inner, min_size=1, max_size=3)), min_size=1)),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="session")
def networks() -> st.SearchStrategy[Sequential]:
    return st.builds(Sequential, st.lists(layers, min_size=1, max_size=5))
