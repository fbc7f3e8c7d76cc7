"""What is given to one layer while its network looks at one example: the layer with its weights, and its inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jax
import numpy as np

from lamina.inside.anatomy import Organ
from lamina.inside.arithmetic import Place
from lamina.inside.opened import opened, remembered
from lamina.model import NetworkPart
from lamina.network.tree import walk

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Given:
    """A layer and what goes into it, arrays of one example in NumPy.

    ``inputs`` are the outputs of ``organ.sources``, and ``masks`` say of each which of its steps are there, [time] or
    None. ``layer`` has NumPy arrays for weights; it is None where the organ is no layer. ``known`` keeps what was once
    made of the inputs, for the next unit of the layer.
    """

    part: NetworkPart
    organ: Organ
    layer: Any
    inputs: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray | None, ...]
    known: dict[str, Any] = field(default_factory=dict)

    @property
    def x(self) -> np.ndarray:
        """The first input, for most layers the only one."""
        return self.inputs[0]

    @property
    def of(self) -> str:
        """The path of what made :attr:`x`."""
        return self.organ.sources[0] if self.organ.sources else ""

    @functools.cached_property
    def mask(self) -> np.ndarray | None:
        """Which steps of :attr:`x` are there, if it has a time and they need not all be."""
        return None if self.masks[0] is None else np.asarray(self.masks[0], bool)

    def place(self, *index: int) -> Place:
        """A place in :attr:`x`."""
        return Place(self.of, tuple(int(i) for i in index))

    def once(self, what: str, make: Callable[[], T]) -> T:
        """What ``make`` gave for this layer and example the first time."""
        if what not in self.known:
            self.known[what] = make()
        return self.known[what]


def layers_of(part: NetworkPart) -> Mapping[str, Any]:
    """Every layer of a network by its path, with NumPy arrays in it; made once a network.

    >>> from lamina.network import Dense, Sequential
    >>> part = NetworkPart(Sequential([Dense(2)]), (3,), "squared", None, np.zeros(8, np.float32), {})
    >>> layers_of(part)["0.dense"].weight.shape
    (3, 2)
    """
    return remembered(part, "layers", lambda: dict(walk(jax.device_get(opened(part)))))
