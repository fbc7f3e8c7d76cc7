"""Losses: how wrong one answer is, for each example of a batch.

Every loss takes the network's outputs ``[batch, k]``, the targets ``[batch]`` (class numbers, or values) and the
recipe's numbers, and gives ``[batch]`` losses in nats or in (scaled) units of the target. :func:`mean` weighs them by
row.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Literal

import jax
import jax.numpy as jnp

from lamina.errors import OptionError

Numbers = Mapping[str, jax.Array]
Loss = Callable[[jax.Array, jax.Array, Numbers], jax.Array]
TaskKind = Literal["classification", "regression"]


def softmax_cross_entropy(outputs: jax.Array, targets: jax.Array, numbers: Numbers) -> jax.Array:
    """Minus the log-probability of the true class, the classes excluding each other.

    With label smoothing s the target is ``1 - s`` on the true class plus ``s / k`` on each of the k classes
    (Szegedy et al. 2016, arXiv 1512.00567, section 7).

    >>> import jax.numpy as jnp
    >>> loss = softmax_cross_entropy(jnp.zeros((1, 4)), jnp.array([2]), {"label_smoothing": jnp.float32(0.0)})
    >>> round(float(loss[0]), 4)  # log 4
    1.3863
    """
    logp = jax.nn.log_softmax(outputs)
    true = jnp.take_along_axis(logp, targets[:, None], axis=1)[:, 0]
    smooth = numbers["label_smoothing"]
    return -(1 - smooth) * true - smooth * logp.mean(axis=1)


def sigmoid_cross_entropy(outputs: jax.Array, targets: jax.Array, numbers: Numbers) -> jax.Array:
    """One yes-or-no question a class, summed over the classes (one against the rest), with label smoothing.

    >>> import jax.numpy as jnp
    >>> loss = sigmoid_cross_entropy(jnp.zeros((1, 3)), jnp.array([0]), {"label_smoothing": jnp.float32(0.0)})
    >>> round(float(loss[0]), 4)  # 3 log 2
    2.0794
    """
    smooth = numbers["label_smoothing"]
    wanted = jax.nn.one_hot(targets, outputs.shape[1]) * (1 - smooth) + smooth / outputs.shape[1]
    return (jax.nn.softplus(outputs) - wanted * outputs).sum(axis=1)


def focal(outputs: jax.Array, targets: jax.Array, numbers: Numbers) -> jax.Array:
    """Cross-entropy times ``(1 - p) ** gamma``: what is already easy counts less (Lin et al. 2017, arXiv 1708.02002,
    section 3).

    >>> import jax.numpy as jnp
    >>> loss = focal(jnp.zeros((1, 2)), jnp.array([0]), {"gamma": jnp.float32(2.0)})
    >>> round(float(loss[0]), 4)  # log 2 / 4
    0.1733
    """
    logp = jnp.take_along_axis(jax.nn.log_softmax(outputs), targets[:, None], axis=1)[:, 0]
    # 1 - p by expm1, floored: the power's derivative at a p that rounds to 1 would be NaN for gamma below 1.
    wrong = jnp.maximum(-jnp.expm1(logp), 1e-7)
    return -(wrong ** numbers["gamma"]) * logp


def squared(outputs: jax.Array, targets: jax.Array, numbers: Numbers) -> jax.Array:
    """The squared difference; its best constant answer is the mean.

    >>> import jax.numpy as jnp
    >>> squared(jnp.array([[3.0]]), jnp.array([1.0]), {}).tolist()
    [4.0]
    """
    del numbers
    return jnp.square(outputs[:, 0] - targets)


def absolute(outputs: jax.Array, targets: jax.Array, numbers: Numbers) -> jax.Array:
    """The absolute difference; its best constant answer is the median.

    >>> import jax.numpy as jnp
    >>> absolute(jnp.array([[3.0]]), jnp.array([1.0]), {}).tolist()
    [2.0]
    """
    del numbers
    return jnp.abs(outputs[:, 0] - targets)


def huber(outputs: jax.Array, targets: jax.Array, numbers: Numbers) -> jax.Array:
    """Half the square up to ``delta``, linear beyond it: outliers pull with bounded force (Huber 1964, section 1).

    >>> import jax.numpy as jnp
    >>> huber(jnp.array([[3.0], [0.5]]), jnp.zeros(2), {"delta": jnp.float32(1.0)}).tolist()
    [2.5, 0.125]
    """
    error, delta = jnp.abs(outputs[:, 0] - targets), numbers["delta"]
    return jnp.where(error <= delta, 0.5 * jnp.square(error), delta * (error - 0.5 * delta))


def quantile(outputs: jax.Array, targets: jax.Array, numbers: Numbers) -> jax.Array:
    """The pinball loss, whose best constant answer is the chosen quantile (Koenker and Bassett 1978, equation 1.1).

    >>> import jax.numpy as jnp
    >>> quantile(jnp.zeros((2, 1)), jnp.array([1.0, -1.0]), {"quantile": jnp.float32(0.75)}).tolist()
    [0.75, 0.25]
    """
    error, q = targets - outputs[:, 0], numbers["quantile"]
    return jnp.maximum(q * error, (q - 1) * error)


LOSSES: dict[str, tuple[TaskKind, Loss]] = {
    "cross entropy": ("classification", softmax_cross_entropy),
    "sigmoid cross entropy": ("classification", sigmoid_cross_entropy),
    "focal": ("classification", focal),
    "squared": ("regression", squared),
    "absolute": ("regression", absolute),
    "huber": ("regression", huber),
    "quantile": ("regression", quantile),
}


def loss(kind: str, task: TaskKind) -> Loss:
    """The loss of a name; OptionError where there is none or it doesn't fit the task.

    >>> loss("squared", "regression").__name__
    'squared'
    """
    fitting = [name for name, (of, _) in LOSSES.items() if of == task]
    if kind not in fitting:
        (near,) = difflib.get_close_matches(kind, fitting, n=1, cutoff=0)
        expected, mend = f"One of {', '.join(fitting)} for {task}.", f"--loss {near.replace(' ', '-')}"
        raise OptionError(f"There is no loss {kind!r} for {task}.", expected=expected, mend=mend)
    return LOSSES[kind][1]


def mean(losses: jax.Array, weights: jax.Array) -> jax.Array:
    """The mean of the losses weighted by row; 0 where every weight is 0 (a batch of padding).

    >>> import jax.numpy as jnp
    >>> float(mean(jnp.array([1.0, 3.0, 99.0]), jnp.array([1.0, 1.0, 0.0])))
    2.0
    """
    return (losses * weights).sum() / jnp.maximum(weights.sum(), 1e-12)


def probabilities(outputs: jax.Array, kind: str) -> jax.Array:
    """Outputs as class probabilities ``[batch, classes]``, by what the loss takes them to mean.

    >>> import jax.numpy as jnp
    >>> probabilities(jnp.zeros((1, 4)), "cross entropy").tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    if kind == "sigmoid cross entropy":
        each = jax.nn.sigmoid(outputs)
        return each / each.sum(axis=1, keepdims=True)
    return jax.nn.softmax(outputs)
