"""A network as JSON-ready values and back: its structure, not its arrays.

Only the layers of this package can be named, with checked values and no code, so a file from a stranger is safe.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from lamina.errors import LaminaError, ModelFileError
from lamina.network.activation import Activation
from lamina.network.attention import Attention
from lamina.network.combine import Concatenate, Residual, Sequential
from lamina.network.conv import Conv
from lamina.network.dense import Dense
from lamina.network.dropout import Dropout
from lamina.network.embedding import Embedding, Periodic, TableInput
from lamina.network.frames import Frames
from lamina.network.image_input import ImageInput
from lamina.network.layer import Layer, shortest
from lamina.network.norm import BatchNorm, LayerNorm
from lamina.network.over_time import Last, Max, Mean
from lamina.network.pool import AvgPool, Flatten, GlobalPool, MaxPool
from lamina.network.positions import Positions
from lamina.network.recurrent import GRU, LSTM, RNN
from lamina.network.series_input import SeriesInput
from lamina.network.sound_input import SoundInput
from lamina.network.spec_augment import SpecAugment
from lamina.network.transformer import Transformer

LAYERS: dict[str, type[Layer]] = {
    cls.kind: cls
    for cls in (
        Activation, Attention, AvgPool, BatchNorm, Concatenate, Conv, Dense, Dropout, Embedding, Flatten, Frames,
        GlobalPool, GRU, ImageInput, Last, LayerNorm, LSTM, Max, MaxPool, Mean, Periodic, Positions, Residual, RNN,
        Sequential, SeriesInput, SoundInput, SpecAugment, TableInput, Transformer,
    )
}  # fmt: skip
DEEPEST = 50


def to_json(network: Layer) -> dict[str, Any]:
    """The structure of a network, built or not, as values that JSON holds.

    >>> from lamina.network import Dropout, Sequential
    >>> to_json(Sequential([Dropout(0.5)]))
    {'kind': 'sequential', 'layers': [{'kind': 'dropout', 'rate': 0.5}]}
    """
    return {"kind": network.kind} | {name: _value(getattr(network, name)) for name in _given(type(network))}


def from_json(values: Any) -> Layer:
    """The unbuilt network of ``to_json``; ModelFileError when a layer or a value is not one of ours.

    >>> from_json({"kind": "dropout", "rate": 0.5})
    Dropout(rate=0.5)
    """
    try:
        return _layer(values, 0)
    except ModelFileError:
        raise
    except (LaminaError, TypeError, ValueError, AttributeError) as error:
        reason = error.given if isinstance(error, LaminaError) else "a value is of the wrong type"
        raise ModelFileError(f"The network in the file can't be made: {reason}.") from None


def _given(cls: type[Layer]) -> list[str]:
    """The fields that a layer is made of; arrays and what it builds by itself are not."""
    left_out = {*cls.names_of["parameter"], *cls.names_of["state"]}
    return [f.name for f in dataclasses.fields(cls) if f.name not in left_out and not f.metadata.get("built")]


def _value(value: Any) -> Any:
    if isinstance(value, Layer):
        return to_json(value)
    if isinstance(value, tuple):
        return [_value(v) for v in value]
    return value if value is None or isinstance(value, (str, int, float)) else float(shortest(value))


def _layer(values: Any, depth: int) -> Layer:
    kind = values.get("kind") if isinstance(values, dict) else None
    if not isinstance(kind, str) or kind not in LAYERS or depth > DEEPEST:
        raise ModelFileError(
            f"The network in the file has a layer of the kind {str(kind)[:40]!r}.", expected="A known kind."
        )
    cls, fields = LAYERS[kind], {k: v for k, v in values.items() if k != "kind"}
    strange = sorted(set(fields) - set(_given(cls)))
    if strange:
        raise ModelFileError(
            f"The {kind} in the file has a field {str(strange[0])[:40]!r}.", expected=", ".join(_given(cls))
        )
    return cls(**{name: _read(value, depth + 1) for name, value in fields.items()})


def _read(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return _layer(value, depth)
    if isinstance(value, list):
        return tuple(_read(v, depth) for v in value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ModelFileError("The network in the file has a value that is none of ours.")
