"""Attention, positions and transformers: torch's on its own weights, and what they refuse."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from lamina.errors import OptionError, ShapeError
from lamina.network import (
    Attention,
    Context,
    Layer,
    Positions,
    Sequential,
    Shape,
    Transformer,
    apply,
    build,
    leaves,
    skeleton,
    summarize,
    trace,
    with_leaves,
)
from lamina.network.notation import parse

BATCH, STEPS, FEATURES, HEADS = 4, 5, 6, 2
LENGTHS = np.array([5, 3, 1, 4])
MASK = jnp.asarray(np.arange(STEPS) < LENGTHS[:, None])


def drawn(*shape: int, seed: int = 0) -> Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def shaken(network: Any, shape: Shape) -> Any:
    """Built, no parameter at zero."""
    sized = skeleton(network, shape)
    arrays = {p: 0.5 * drawn(*a.shape, seed=i) for i, (p, a) in enumerate(leaves(sized, "parameter").items())}
    return with_leaves(sized, {**arrays, **leaves(network, "number")})


def sloped(layer: Layer, x: Array, mask: Array | None) -> Any:
    """The output, zero where a step is padding, and the gradients of the layer and of x."""

    def outcome(layer: Layer, x: Array) -> Any:
        y = Sequential([layer]).apply(x, Context(mask=mask))[0]
        return jnp.sum(jnp.sin(y)), y

    slopes, y = jax.jit(jax.grad(outcome, (0, 1), has_aux=True))(layer, x)
    return y, *slopes


def same_as(torch: Any, theirs: Any, x: Any, y: Any, made: tuple[Any, Any, Any], pairs: dict[str, str]) -> None:
    """Outputs and gradients are torch's; ``pairs`` name our arrays by theirs."""
    live = np.asarray(MASK)[:, :, None]
    ours, to_layer, to_x = made
    np.testing.assert_allclose(np.where(live, ours, 0), np.where(live, y.detach(), 0), atol=1e-5)
    np.testing.assert_allclose(to_x, x.grad, rtol=1e-5, atol=1e-5)
    slopes = leaves(to_layer, "parameter")
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(slopes.pop(pairs[name]).T, parameter.grad, rtol=1e-5, atol=1e-5, err_msg=name)
    assert not slopes


def load(torch: Any, theirs: Any, layer: Layer, pairs: dict[str, str]) -> None:
    arrays = leaves(layer, "parameter")
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.copy_(torch.tensor(np.asarray(arrays[pairs[name]]).T.copy()))


PACKED = {
    "in_proj_weight": "weight",
    "in_proj_bias": "bias",
    "out_proj.weight": "output_weight",
    "out_proj.bias": "output_bias",
}
BLOCK = {
    **{f"self_attn.{theirs}": f"attention.{ours}" for theirs, ours in PACKED.items()},
    **{
        f"{theirs}.{array}": f"{ours}.{ours_array}"
        for theirs, ours, arrays in (
            ("linear1", "hidden", ("weight", "bias")),
            ("linear2", "output", ("weight", "bias")),
            ("norm1", "attention_norm", ("scale", "shift")),
            ("norm2", "norm", ("scale", "shift")),
        )
        for array, ours_array in zip(("weight", "bias"), arrays, strict=True)
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "some"])
def test_attention_and_a_transformer_are_those_of_torch(mask: Array | None, causal: bool) -> None:
    torch = pytest.importorskip("torch")
    hidden = None if mask is None else torch.tensor(~np.asarray(mask))
    later = torch.tensor(~np.tri(STEPS, dtype=bool)) if causal else None
    live = torch.tensor(np.asarray(jnp.ones_like(MASK) if mask is None else mask))[:, :, None]
    whole = torch.nn.MultiheadAttention(FEATURES, HEADS, batch_first=True)
    block = torch.nn.TransformerEncoderLayer(FEATURES, HEADS, 8, 0.0, "gelu", batch_first=True, norm_first=True)
    for theirs, layer, pairs in (
        (whole, Attention(HEADS, causal=causal), PACKED),
        (block, Transformer(HEADS, causal=causal, hidden_features=8), BLOCK),
    ):
        layer = shaken(layer, (STEPS, FEATURES))
        load(torch, theirs, layer, pairs)
        given = torch.tensor(np.array(drawn(BATCH, STEPS, FEATURES, seed=9)), requires_grad=True)
        if theirs is whole:
            y, _ = whole(given, given, given, key_padding_mask=hidden, attn_mask=later)
        else:
            y = block(given, src_mask=later, src_key_padding_mask=hidden)
        torch.where(live, y, 0.0).sin().sum().backward()
        made = sloped(layer, drawn(BATCH, STEPS, FEATURES, seed=9), mask)
        same_as(torch, theirs, given, y, made, pairs)


@pytest.mark.slow
def test_no_step_sees_what_comes_later() -> None:
    network = shaken(parse("positions, attention 2 causal, transformer 3 causal"), (STEPS, FEATURES))
    x = drawn(1, STEPS, FEATURES)
    made = apply(network, jnp.concatenate([x, x.at[:, 3:].add(1.0)]))[0]
    np.testing.assert_allclose(made[0, :3], made[1, :3], atol=1e-6)
    assert float(jnp.abs(made[0, 3:] - made[1, 3:]).min(axis=1).min()) > 0


def test_positions_tell_steps_apart_and_later_ones_get_none() -> None:
    layer = build(Positions(), (STEPS, FEATURES))
    zeros = jnp.zeros((2, STEPS + 2, FEATURES))
    y = np.asarray(layer.apply(zeros, Context())[0])
    np.testing.assert_array_equal(y[1, :STEPS], layer.vectors)
    assert not y[:, STEPS:].any()
    np.testing.assert_array_equal(layer.apply(zeros[:, :2], Context())[0], y[:, :2])
    assert 0.01 < float(np.asarray(layer.vectors).std()) < 0.03


@pytest.mark.slow
def test_dropout_of_a_transformer_is_a_number_where_it_is_given() -> None:
    assert not leaves(Transformer(2), "number")
    layer = shaken(Transformer(2, dropout=0.5), (STEPS, FEATURES))
    x, key = drawn(BATCH, STEPS, FEATURES), jax.random.key(1)
    still = with_leaves(layer, {"dropout": jnp.float32(0)})
    ends = [of.apply(x, Context(training=True, key=key))[0] for of in (layer, still)]
    np.testing.assert_allclose(ends[1], layer.apply(x, Context())[0], atol=1e-6)
    assert float(jnp.abs(ends[0] - ends[1]).max()) > 0.1


@pytest.mark.slow
def test_the_parts_of_a_transformer_are_shown_and_counted() -> None:
    network = parse("transformer 2 hidden 10 dropout 0.3, attention 3 causal, positions")
    rows = {r.path: (r.description, r.parameters, r.multiply_adds) for r in summarize(network, (STEPS, FEATURES))}
    attend = 4 * FEATURES * (FEATURES + 1), STEPS * 4 * FEATURES**2 + 2 * STEPS**2 * FEATURES
    dense = FEATURES * 10 + 10, STEPS * FEATURES * 10
    assert rows == {
        "0.transformer": (
            "transformer 2 hidden 10 dropout 0.3",
            attend[0] + 2 * FEATURES * 10 + 10 + FEATURES + 4 * FEATURES,
            attend[1] + 2 * dense[1] + 2 * STEPS * FEATURES,
        ),
        "0.transformer.attention_norm": ("layernorm", 2 * FEATURES, STEPS * FEATURES),
        "0.transformer.attention": ("attention 2", *attend),
        "0.transformer.norm": ("layernorm", 2 * FEATURES, STEPS * FEATURES),
        "0.transformer.hidden": ("dense 10 gelu", *dense),
        "0.transformer.output": (f"dense {FEATURES} linear", FEATURES * 10 + FEATURES, dense[1]),
        "1.attention": ("attention 3 causal", *attend),
        "2.positions": ("positions", STEPS * FEATURES, 0),
    }
    built = build(network, (STEPS, FEATURES))
    assert leaves(built, "parameter")["0.transformer.hidden.weight"].shape == (FEATURES, 10)
    first, *parts = list(rows)[:6]
    assert list(trace(built, drawn(1, STEPS, FEATURES))) == [*parts, first, "1.attention", "2.positions"]


def test_what_is_no_sequence_or_no_number_of_heads_is_refused() -> None:
    for make in (Attention, Transformer):
        with pytest.raises(ShapeError, match="64 features can't be split among 3 heads") as caught:
            build(make(3), (STEPS, 64))
        assert "conv 66 1 linear" in caught.value.mend
        with pytest.raises(ShapeError, match="reads sequences"):
            build(make(2), (4, 4, 2))
        with pytest.raises(OptionError, match="heads is 0"):
            make(0)
        with pytest.raises(OptionError, match="causal"):
            make(2, causal="yes")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="dropout is 1"):
        Transformer(2, dropout=1.0)
    with pytest.raises(OptionError, match="hidden_features is 0"):
        Transformer(2, hidden_features=0)
    with pytest.raises(ShapeError, match="reads sequences"):
        build(Positions(), (4,))
