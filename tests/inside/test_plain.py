"""Plain values: what JSON holds, arrays read back as a page does, and what has no plain form."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from lamina.inside.plain import plain


@dataclass(frozen=True)
class Inner:
    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...]
    at: tuple[int, ...]
    sure: float


def decoded(encoded: dict[str, Any]) -> np.ndarray:
    """The array, as arrays.js does it."""
    (name,) = encoded.keys() - {"shape"}
    kind = {"f32": "<f4", "i32": "<i4"}[name]
    return np.frombuffer(base64.b64decode(encoded[name]), kind).reshape(encoded["shape"])


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(1).normal(size=(2, 3, 4)),
        np.array([[1.0, np.nan], [np.inf, -0.0]], np.float32),
        np.arange(-3, 3, dtype=np.int64),
        np.array([[True], [False]]),
        np.array([255], np.uint8),
        np.zeros((0, 3), np.float32),
        np.full((), 3.5, np.float32),
        np.arange(12.0, dtype=np.float32).reshape(3, 4).T,
        np.array([0.1, 65504.0], np.float16),
    ],
)
def test_arrays_come_back(array: np.ndarray) -> None:
    encoded = json.loads(json.dumps(plain(array)))
    back = decoded(encoded)
    assert back.shape == array.shape
    expected = array.astype(np.float32) if array.dtype.kind == "f" else array.astype(np.int32)
    np.testing.assert_array_equal(back, expected)


def test_a_dataclass_says_its_type_and_all_that_it_holds() -> None:
    value = Outer((Inner("a", np.array([1.0])),), (np.int64(3), 4), np.float32(0.25))  # pyright: ignore[reportArgumentType]
    found = plain(value)
    assert found["type"] == "Outer"
    assert found["at"] == [3, 4]
    assert found["sure"] == 0.25
    assert found["inner"][0]["type"] == "Inner"
    assert decoded(found["inner"][0]["values"]).tolist() == [1.0]


@pytest.mark.parametrize("lost", [float("nan"), float("inf"), np.float32("-inf"), np.float64("nan")])
def test_a_number_that_is_none_is_none(lost: float) -> None:
    assert plain({"x": lost}) == {"x": None}
    json.dumps(plain({"x": lost}), allow_nan=False)


def test_words_truths_and_jax() -> None:
    assert plain(np.array(["a", "b"])) == ["a", "b"]
    assert plain(np.array(["a", None, 1.5], object)) == ["a", None, 1.5]
    assert plain(np.bool_(True)) is True
    assert plain(Path("a") / "b") == str(Path("a") / "b")
    assert plain({1: None}) == {"1": None}
    assert decoded(plain(jnp.ones((2, 2)))).tolist() == [[1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("strange", [object(), np.array([1j]), np.array(["2020-01-01"], "M8[D]"), {1, 2}, print])
def test_what_has_no_plain_form_is_refused(strange: Any) -> None:
    with pytest.raises(TypeError, match="no plain form"):
        plain(strange)
