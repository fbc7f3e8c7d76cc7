"""Plain: what lies inside a network as values that JSON holds, its arrays as bytes."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"f": ("f32", "<f4"), "b": ("i32", "<i4"), "i": ("i32", "<i4"), "u": ("i32", "<i4")}


def plain(value: Any) -> Any:
    """A value of :mod:`lamina.inside` as JSON-ready ones.

    A dataclass becomes its fields with its class's name as "type"; an array of numbers its shape and the base64 of its
    little-endian float32 ("f32"), of whole numbers and truths of int32 ("i32"); an array of words, a tuple or a list a
    list. A single number that is not finite becomes None, as JSON has none; within arrays they stay. TypeError for what
    is none of these.

    >>> plain({"at": (1, np.float32(0.5)), "lost": float("nan")})
    {'at': [1, 0.5], 'lost': None}
    >>> plain(np.array([1.0, 2.0]))
    {'shape': [2], 'f32': 'AACAPwAAAEA='}
    """
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float, np.number, np.bool_)):
        return _number(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {of.name: plain(getattr(value, of.name)) for of in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(key): plain(of) for key, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(of) for of in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "__array__"):
        return _array(np.asarray(value))
    raise TypeError(f"{type(value).__name__} has no plain form")


def _number(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _array(array: np.ndarray) -> Any:
    if array.dtype.kind in "US" or array.dtype == object:
        return [plain(of) for of in array.tolist()]
    if array.dtype.kind not in KINDS:
        raise TypeError(f"arrays of {array.dtype} have no plain form")
    name, kind = KINDS[array.dtype.kind]
    content = np.ascontiguousarray(array, kind).tobytes()
    return {"shape": list(array.shape), name: base64.b64encode(content).decode()}
