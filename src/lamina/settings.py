"""What a person asks of a training, where it shall run, and how it tells of its progress."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamina.errors import OptionError


@dataclass(frozen=True)
class Settings:
    """What is asked of a training. None or () leaves the choice to Lamina, and the run says what was chosen.

    ``networks``: in the notation, or as :class:`~lamina.Sequential`; several are all trained and compared. Several
    ``learning_rates`` train together as one population. ``weight_decay`` is decoupled; ``l1`` and ``l2`` are penalties,
    ``label_smoothing`` is for classes (0: none of each). ``clip_norm`` bounds the gradient's length (0: no bound; None:
    1 for networks with recurrent layers, else no bound). ``repeats``: how many seeds each. ``validation``: the share of
    the rows left by the test part that choose the best epoch.
    ``class_weight`` "balanced" weighs rows by how rare their class is. ``precision``: what the products of training are
    made of, "float32" or "bfloat16"; "auto" takes bfloat16 where it is faster here and was measured to do no harm.
    ``time_limit`` in seconds.

    >>> Settings(learning_rates=(0.0,))
    Traceback (most recent call last):
    ...
    lamina.errors.OptionError: The learning rate is 0.0.
      Expected: A finite number above 0.
      To mend it: --learning-rate 0.001
    """

    networks: tuple[Any, ...] = ()
    learning_rates: tuple[float, ...] = ()
    repeats: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    weight_decay: float | None = None
    l1: float = 0.0
    l2: float = 0.0
    label_smoothing: float = 0.0
    clip_norm: float | None = None
    optimizer: str | None = None
    metric: str | None = None
    loss: str | None = None
    schedule: str | None = None
    augment: tuple[str, ...] | None = None
    validation: float | None = None
    class_weight: str | None = None
    precision: str = "auto"
    seed: int = 0
    time_limit: float | None = None

    def __post_init__(self) -> None:
        for rate in self.learning_rates:
            _need(
                math.isfinite(rate) and rate > 0,
                "learning rate",
                rate,
                "A finite number above 0.",
                "--learning-rate 0.001",
            )
        for name, example in (("repeats", 3), ("epochs", 20), ("batch_size", 32)):
            value = getattr(self, name)
            option = f"--{name.replace('_', '-')} {example}"
            _need(value is None or value >= 1, name.replace("_", " "), value, "A whole number from 1.", option)
        decay, share, limit = self.weight_decay, self.validation, self.time_limit
        ok = self.clip_norm is None or (math.isfinite(self.clip_norm) and self.clip_norm >= 0)
        _need(ok, "longest gradient", self.clip_norm, "A finite number from 0 (no bound).", "--clip-norm 1")
        ok = decay is None or (math.isfinite(decay) and decay >= 0)
        _need(ok, "weight decay", decay, "A finite number from 0.", "--weight-decay 0.01")
        _need(share is None or 0 < share < 1, "validation share", share, "A share between 0 and 1.", "--validation 0.2")
        ok = limit is None or (math.isfinite(limit) and limit > 0)
        _need(ok, "time limit", limit, "A number of seconds above 0.", "--time-limit 60")
        _need(0 <= self.seed < 2**31, "seed", self.seed, "A whole number from 0 and below 2147483648.", "--seed 0")
        ok = self.class_weight in (None, "balanced")
        _need(ok, "class weight", self.class_weight, "balanced, or nothing.", "--class-weight balanced")
        ok = self.precision in ("auto", "float32", "bfloat16")
        _need(ok, "precision", self.precision, "auto, float32 or bfloat16.", "--precision auto")

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values, the networks in the notation; :meth:`from_json` reads them back."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return plain | {"networks": [written(network) for network in self.networks]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """The settings that :meth:`to_json` wrote.

        >>> Settings.from_json(Settings(epochs=3).to_json()) == Settings(epochs=3)
        True
        """
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**plain)


def written(network: Any) -> str:
    """A network in the notation, whether it was given so or as layers."""
    if isinstance(network, str):
        return network
    from lamina.network import notation

    return notation.write(network)


def _need(ok: bool, what: str, given: Any, expected: str, mend: str) -> None:
    if not ok:
        raise OptionError(f"The {what} is {given}.", expected=expected, mend=mend)


@dataclass(frozen=True)
class Place:
    """Where a run is kept and on what it is trained: a folder of runs, the run's name, a device, a number of threads.

    ``plan``: how members share the device; None leaves it to Lamina. "map": one at a time on each core; "vmap": side by
    side; "threads": one at a time, all cores at work on it.
    """

    runs: Path = Path("runs")
    name: str | None = None
    device: str | None = None
    threads: int | None = None
    plan: str | None = None


@dataclass(frozen=True)
class Progress:
    """What an observer is told: the stage ("reading", "training", "simple models", "report"), a sentence, the share
    done.

    ``values`` are a chunk's measurements, when there are some.
    """

    stage: str
    text: str
    fraction: float | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


Observer = Callable[[Progress], Any]
"""Any callable; answering False asks the training to stop behind its chunk."""
