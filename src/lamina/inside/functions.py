"""The activation functions in NumPy: the curve of one, and where a number falls on it, without compiling anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import erf, expit

POINTS, REACH = 81, 4.0
_SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _selu(x: np.ndarray) -> np.ndarray:
    scale, alpha = _SELU
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, 0)


FUNCTIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky relu": lambda x: np.where(x >= 0, x, 0.01 * x),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x * expit(x),
    "elu": _elu,
    "selu": _selu,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "softplus": _softplus,
    "tanh": np.tanh,
    "sigmoid": expit,
}


def at(function: str, x: float) -> float:
    """The function of a number.

    >>> at("relu", -2.0), round(at("sigmoid", 0.0), 2)
    (0.0, 0.5)
    """
    return float(FUNCTIONS[function](np.asarray(x, np.float64)))


def curve(function: str, x: float) -> tuple[np.ndarray, np.ndarray]:
    """81 points of the function on both sides of 0, from -4 to 4 or as far as it takes to hold ``x`` well.

    >>> xs, ys = curve("relu", 1.0)
    >>> xs[[0, 40, 80]].tolist(), ys[[0, 40, 80]].tolist()
    ([-4.0, 0.0, 4.0], [0.0, 0.0, 4.0])
    """
    far = max(REACH, 1.25 * abs(x)) if np.isfinite(x) else REACH
    xs = np.linspace(-far, far, POINTS)
    return xs.astype(np.float32), FUNCTIONS[function](xs).astype(np.float32)
