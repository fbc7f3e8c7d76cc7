"""Optimizers and schedules: short chains of optax, every number of theirs an array that a recipe may vary.

The parameters of a network are one flat vector (on a CPU one long update beats many short ones), so what differs from
entry to entry, such as which of them are weights that decay, is a vector of the same length.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from lamina.errors import OptionError

Numbers = Mapping[str, jax.Array]
Schedule = Callable[[jax.Array, Numbers], jax.Array]


def constant(done: jax.Array, numbers: Numbers) -> jax.Array:
    """The same rate throughout: 1 at any share ``done`` of the training."""
    del numbers
    return jnp.ones_like(done)


def cosine(done: jax.Array, numbers: Numbers) -> jax.Array:
    """From 1 to 0 along half a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5).

    >>> import jax.numpy as jnp
    >>> round(float(cosine(jnp.float32(0.5), {})), 6)
    0.5
    """
    del numbers
    return 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(done, 0.0, 1.0)))


def warmup_cosine(done: jax.Array, numbers: Numbers) -> jax.Array:
    """A linear rise over the share ``warmup`` of the training, then the cosine over what is left."""
    warmup = numbers["warmup"]
    rise = done / jnp.maximum(warmup, 1e-9)
    return jnp.where(done < warmup, rise, cosine((done - warmup) / jnp.maximum(1 - warmup, 1e-9), numbers))


def one_cycle(done: jax.Array, numbers: Numbers) -> jax.Array:
    """Up from 1/25 to 1 over 30 % of the training, then down to 1/10,000, both by cosine (Smith and Topin 2018, arXiv
    1708.07120).

    >>> import jax.numpy as jnp
    >>> round(float(one_cycle(jnp.float32(0.3), {})), 6)
    1.0
    """
    up = 1 + (1 / 25 - 1) * cosine(done / 0.3, numbers)
    down = 1e-4 + (1 - 1e-4) * cosine((done - 0.3) / 0.7, numbers)
    return jnp.where(done < 0.3, up, down)


def step(done: jax.Array, numbers: Numbers) -> jax.Array:
    """Divided by ten at a half and again at three quarters of the training (He et al. 2016, arXiv 1512.03385, section
    4.2).
    """
    del numbers
    return jnp.where(done < 0.5, 1.0, jnp.where(done < 0.75, 0.1, 0.01))


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "cosine": cosine,
    "warmup cosine": warmup_cosine,
    "one cycle": one_cycle,
    "step": step,
}

ADAM = ("adam", "adamw")  # one formula: they differ in what a recipe's defaults are
OPTIMIZERS = ("adam", "adamw", "sgd", "nesterov", "lion", "rmsprop", "muon")


def learning_rate(schedule: str, numbers: Numbers, at_step: jax.Array) -> jax.Array:
    """The learning rate of a step: the recipe's, times its schedule at the share of the ``total_steps`` that are done.

    >>> import jax.numpy as jnp
    >>> numbers = {"learning_rate": jnp.float32(0.1), "total_steps": jnp.float32(100)}
    >>> round(float(learning_rate("cosine", numbers, jnp.int32(50))), 6)
    0.05
    """
    done = at_step.astype(jnp.float32) / numbers["total_steps"]
    return numbers["learning_rate"] * SCHEDULES[schedule](done, numbers)


def optimizer(
    kind: str, schedule: str, numbers: Numbers, *, decays: jax.Array, tree: Tree
) -> optax.GradientTransformation:
    """The chain of a name over one flat parameter vector.

    ``decays`` is 1.0 where an entry is a weight (it is penalised and decays) and 0.0 where it is a bias or a scale.
    ``tree`` gives the vector's entries their names and shapes back, for what works on matrices (muon). The numbers are
    those of a :class:`~lamina.training.recipe.Recipe`; ``clip_norm`` 0 means no clipping.
    """
    return optax.chain(
        penalty(numbers["l1"], numbers["l2"], decays),
        clip(numbers["clip_norm"]),
        direction(kind, numbers, tree),
        penalty(jnp.zeros(()), numbers["weight_decay"], decays),
        optax.scale_by_schedule(lambda count: -learning_rate(schedule, numbers, jnp.asarray(count))),
    )


def adam_moments(state: Any) -> tuple[jax.Array, jax.Array]:
    """Both moments in the state of :func:`optimizer` for "adam" and "adamw"."""
    return state[2].mu, state[2].nu


def with_adam_moments(state: Any, first: jax.Array, second: jax.Array, steps: jax.Array) -> Any:
    """The state of :func:`optimizer` after that many more steps of "adam" or "adamw" have left these moments."""
    adam = state[2]._replace(count=state[2].count + steps, mu=first, nu=second)
    return (*state[:2], adam, state[3], state[4]._replace(count=state[4].count + steps))


Tree = tuple[Callable[[jax.Array], Any], Callable[[Any], jax.Array]]


def direction(kind: str, numbers: Numbers, tree: Tree) -> optax.GradientTransformation:
    """What an optimizer makes of a gradient before the learning rate.

    adam (Kingma and Ba 2015, algorithm 1); adamw is adam, its decay being decoupled (Loshchilov and Hutter 2019); sgd
    with momentum; nesterov (Sutskever et al. 2013); lion (Chen et al. 2023, algorithm 2); rmsprop (Hinton's lecture
    6e); muon (Jordan et al. 2024) on matrices, adam on the rest.
    """
    b1, b2 = numbers["momentum"], numbers["beta2"]
    match kind:
        case "adam" | "adamw":
            return optax.scale_by_adam(b1=b1, b2=b2)
        case "sgd":
            return optax.trace(decay=b1)
        case "nesterov":
            return optax.trace(decay=b1, nesterov=True)
        case "lion":
            return optax.scale_by_lion(b1=b1, b2=0.99)
        case "rmsprop":
            return optax.scale_by_rms(decay=b1)
        case "muon":
            # muon's own chain ends in -rate; a rate of -1 leaves the direction to the schedule behind it.
            muon = optax.contrib.muon(learning_rate=-1.0, adam_b1=b1, adam_b2=b2)
            return on_tree(muon, tree)
    raise OptionError(
        f"There is no optimizer {kind!r}.", expected=f"One of {', '.join(OPTIMIZERS)}.", mend="--optimizer adam"
    )


def penalty(l1: jax.Array, l2: jax.Array, decays: jax.Array) -> optax.GradientTransformation:
    """Adds the gradient of ``l1 |w| + l2 w^2 / 2``: before a direction a penalty, behind it decoupled decay."""

    def update(
        updates: jax.Array, state: optax.EmptyState, params: jax.Array | None = None
    ) -> tuple[jax.Array, optax.EmptyState]:
        assert params is not None
        return updates + decays * (l1 * jnp.sign(params) + l2 * params), state

    return optax.GradientTransformation(lambda _: optax.EmptyState(), update)  # pyright: ignore[reportArgumentType]


def clip(norm: jax.Array) -> optax.GradientTransformation:
    """Shortens a gradient longer than ``norm`` to it (Pascanu et al. 2013, algorithm 1); 0 leaves all gradients
    alone.
    """

    def update(updates: jax.Array, state: optax.EmptyState, params: Any = None) -> tuple[jax.Array, optax.EmptyState]:
        del params
        length = jnp.sqrt(jnp.vdot(updates, updates))
        shorten = (norm > 0) & (length > norm)
        return updates * jnp.where(shorten, norm / jnp.maximum(length, 1e-30), 1.0), state

    return optax.GradientTransformation(lambda _: optax.EmptyState(), update)  # pyright: ignore[reportArgumentType]


def on_tree(inner: optax.GradientTransformation, tree: Tree) -> optax.GradientTransformation:
    """A transformation of named arrays, made to work on the flat vector."""
    unpack, pack = tree

    def update(updates: jax.Array, state: Any, params: jax.Array | None = None) -> tuple[jax.Array, Any]:
        assert params is not None
        new, state = inner.update(unpack(updates), state, unpack(params))
        return pack(new), state

    return optax.GradientTransformation(lambda params: inner.init(unpack(params)), update)  # pyright: ignore[reportArgumentType]


def check(kind: str, schedule: str) -> None:
    """OptionError where there is no optimizer or no schedule of that name."""
    for what, name, known in (("optimizer", kind, OPTIMIZERS), ("schedule", schedule, tuple(SCHEDULES))):
        if name not in known:
            (near,) = difflib.get_close_matches(name, known, n=1, cutoff=0)
            mend = f"--{what} {near.replace(' ', '-')}"
            raise OptionError(f"There is no {what} {name!r}.", expected=f"One of {', '.join(known)}.", mend=mend)
