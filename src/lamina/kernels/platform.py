"""Which form of an operation runs: a CPU's own, or the one that suits every other device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import lax


def by_platform(*operands: Any, cpu: Callable[..., Any], default: Callable[..., Any]) -> Any:
    """``cpu(*operands)`` where the program is compiled for a CPU, else ``default(*operands)``.

    Operands are arrays, or trees of them; both give arrays of the same shapes.

    >>> import jax.numpy as jnp
    >>> jax.jit(lambda x: by_platform(x, cpu=lambda x: x + 1, default=lambda x: x + 1))(jnp.zeros(())).tolist()
    1.0
    """
    if jax.default_backend() == "cpu":
        # There is nothing else: one form to trace, and no residuals of the other kept for the gradient.
        return cpu(*operands)
    return lax.platform_dependent(*operands, cpu=cpu, default=default)
