"""The kinds of examples that are not tables: which module reads each, and what all of these modules offer."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from lamina.data.examples import Examples, Kind, Note, Task

# Module and class by kind; a kind that a file names is looked up here, never imported.
_READERS = {
    "image": ("lamina.data.image", "ImagePreprocessing"),
    "series": ("lamina.data.series", "SeriesPreprocessing"),
    "sound": ("lamina.data.sound", "SoundPreprocessing"),
}


class Preprocessing(Protocol):
    """How examples as they come become arrays of one shape; saved with the model."""

    def transform(self, examples: Any) -> np.ndarray:
        """Examples in memory as such arrays."""
        ...

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values, which :func:`preprocessing_from` reads back."""
        ...


class Reader(Protocol):
    """What data/image.py, data/series.py and data/sound.py have in common."""

    def preprocessing_of(self, examples: Examples) -> Preprocessing:
        """The preprocessing that made the inputs of these examples."""
        ...

    def read_unlabelled(self, data: Any, preprocessing: Any) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
        """Inputs to predict, a name each, and notes."""
        ...

    def read_labelled(
        self, data: Any, preprocessing: Any, task: Task
    ) -> tuple[np.ndarray, np.ndarray, tuple[Note, ...]]:
        """Inputs to judge on, the targets as ``task`` counts them, and notes."""
        ...


def reader(kind: Kind) -> Reader:
    """The module that reads a kind of examples; KeyError for a table or a stranger.

    >>> reader("image").__name__
    'lamina.data.image'
    """
    return cast("Reader", import_module(_READERS[kind][0]))


def preprocessing_from(kind: Kind, facts: Mapping[str, Any]) -> Preprocessing:
    """The preprocessing that a kind's ``to_json`` wrote."""
    module, name = _READERS[kind]
    return getattr(import_module(module), name).from_json(dict(facts))
