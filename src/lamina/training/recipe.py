"""The recipe (the numbers of a training), the program (what is neither number nor shape) and the member that has
both.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.errors import OptionError


@dataclass(frozen=True)
class Recipe:
    """The numbers of one training. Each is an array in the compiled program, so changing one never recompiles.

    ``learning_rate`` is the schedule's peak; ``weight_decay`` is decoupled (AdamW), ``l1`` and ``l2`` are penalties;
    ``clip_norm`` bounds the gradient's length (0: no bound); ``warmup`` is a share of the training; ``epochs`` the
    longest it may take; ``patience`` how many epochs without a better validation loss end it (0: none do); ``rates``
    are the network's own numbers by path, such as ``(("3.dropout.rate", 0.5),)``, where they differ from what the
    network says.

    >>> Recipe(learning_rate=0.01).numbers()["learning_rate"]
    np.float32(0.01)
    >>> Recipe(learning_rate=-1.0)
    Traceback (most recent call last):
    ...
    lamina.errors.OptionError: The learning rate is -1.0.
      Expected: A finite number above 0.
      To mend it: --learning-rate 0.001
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    label_smoothing: float = 0.0
    momentum: float = 0.9
    beta2: float = 0.999
    clip_norm: float = 0.0
    warmup: float = 0.05
    delta: float = 1.0
    quantile: float = 0.5
    gamma: float = 2.0
    epochs: int = 100
    patience: int = 0
    seed: int = 0
    rates: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise _wrong("learning rate", self.learning_rate, "A finite number above 0.", "--learning-rate 0.001")
        if self.epochs < 1:
            raise _wrong("number of epochs", self.epochs, "A whole number from 1.", "--epochs 20")
        for name in ("weight_decay", "l1", "l2", "clip_norm", "gamma", "patience"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise _wrong(name.replace("_", " "), getattr(self, name), "A finite number from 0.", "leave it out")
        for name in ("label_smoothing", "momentum", "beta2", "warmup", "quantile"):
            if not 0 <= getattr(self, name) < 1:
                raise _wrong(
                    name.replace("_", " "), getattr(self, name), "A number from 0 and below 1.", "leave it out"
                )

    def numbers(self) -> dict[str, np.float32]:
        """What the loss, the optimizer and the schedule read, as float32 scalars."""
        names = (f.name for f in dataclasses.fields(self) if f.name not in ("epochs", "patience", "seed", "rates"))
        return {name: np.float32(getattr(self, name)) for name in names}


def _wrong(what: str, value: float | str, expected: str, mend: str) -> OptionError:
    return OptionError(f"The {what} is {value}.", expected=expected, mend=mend)


AUGMENTATIONS = ("shift", "flip", "rotate", "cutout", "stretch", "noise")  # those of images and those of sounds


@dataclass(frozen=True)
class Program:
    """What is compiled in: a population is grouped by its network and its program.

    ``precision``: what products are made of in training, forward and backward; all else is float32. ``lengths``: what
    batches of series or sounds are cut to (:mod:`lamina.training.lengths`).

    >>> Program("cross entropy", batch_size=0)
    Traceback (most recent call last):
    ...
    lamina.errors.OptionError: The batch size is 0.
      Expected: A whole number from 1.
      To mend it: --batch-size 32
    """

    loss: str
    optimizer: str = "adamw"
    schedule: str = "warmup cosine"
    batch_size: int = 32
    augment: tuple[str, ...] = ()
    precision: str = "float32"
    lengths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise _wrong("batch size", self.batch_size, "A whole number from 1.", "--batch-size 32")
        for name in self.augment:
            if name not in AUGMENTATIONS:
                expected = f"Any of {', '.join(AUGMENTATIONS)}."
                raise OptionError(f"There is no augmentation {name!r}.", expected=expected, mend="--augment shift")
        if self.precision not in ("float32", "bfloat16"):
            raise _wrong("precision", self.precision, "float32 or bfloat16.", "--precision float32")


def products(program: Mapping[str, Any]) -> str:
    """What the products of a training were made of, in words, from its program as run.json has it.

    >>> products({"precision": "float32"})
    'float32'
    """
    if program.get("precision", "float32") == "float32":
        return "float32"
    return f"{program['precision']} in training, with sums in float32; weights, measurements and answers in float32"


@dataclass(frozen=True)
class Member:
    """One network's training: its recipe (with its seed) on one part of the split.

    ``part`` is the number of the part: which rows train and which validate.
    """

    recipe: Recipe
    part: int = 0
