"""Lamina trains neural networks that you can see through: the public names, each imported when it is first used.

>>> import lamina
>>> run = lamina.train("penguins.csv", "species")  # doctest: +SKIP
>>> print(run.verdict.sentence)  # doctest: +SKIP
>>> lamina.load(run.folder / "model.lamina").predict("new.csv")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamina.answer import Run, evaluate, find_model, find_run, resume, train
    from lamina.data.examples import Examples, Note, Reading, Task
    from lamina.errors import (
        DataError,
        DivergedError,
        InputError,
        LaminaError,
        ModelFileError,
        NotationError,
        OptionError,
        OutputError,
        RunError,
        SchemaError,
        ShapeError,
        TargetError,
        TooLargeError,
    )
    from lamina.estimators import NetworkClassifier, NetworkRegressor
    from lamina.judgement.verdict import Verdict
    from lamina.model import Model, Predictions, load
    from lamina.network import (
        GRU,
        LSTM,
        RNN,
        Activation,
        Attention,
        AvgPool,
        BatchNorm,
        Concatenate,
        Conv,
        Dense,
        Dropout,
        Embedding,
        Flatten,
        Frames,
        GlobalPool,
        Last,
        LayerNorm,
        Max,
        MaxPool,
        Mean,
        Positions,
        Residual,
        Sequential,
        SpecAugment,
        Transformer,
    )
    from lamina.settings import Place, Progress, Settings

# What is public, by the module that it is from. Importing Lamina imports none of them: JAX alone takes over a second.
_PLACES = {
    "lamina.answer": ("Run", "evaluate", "find_model", "find_run", "resume", "train"),
    "lamina.data.examples": ("Examples", "Note", "Reading", "Task"),
    "lamina.errors": (
        "DataError",
        "DivergedError",
        "InputError",
        "LaminaError",
        "ModelFileError",
        "NotationError",
        "OptionError",
        "OutputError",
        "RunError",
        "SchemaError",
        "ShapeError",
        "TargetError",
        "TooLargeError",
    ),
    "lamina.estimators": ("NetworkClassifier", "NetworkRegressor"),
    "lamina.judgement.verdict": ("Verdict",),
    "lamina.model": ("Model", "Predictions", "load"),
    "lamina.network": (
        "Activation",
        "Attention",
        "AvgPool",
        "BatchNorm",
        "Concatenate",
        "Conv",
        "Dense",
        "Dropout",
        "Embedding",
        "Flatten",
        "Frames",
        "GRU",
        "GlobalPool",
        "LSTM",
        "Last",
        "LayerNorm",
        "Max",
        "MaxPool",
        "Mean",
        "Positions",
        "RNN",
        "Residual",
        "Sequential",
        "SpecAugment",
        "Transformer",
    ),
    "lamina.settings": ("Place", "Progress", "Settings"),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Attention",
    "AvgPool",
    "BatchNorm",
    "Concatenate",
    "Conv",
    "DataError",
    "Dense",
    "DivergedError",
    "Dropout",
    "Embedding",
    "Examples",
    "Flatten",
    "Frames",
    "GlobalPool",
    "InputError",
    "LaminaError",
    "Last",
    "LayerNorm",
    "Max",
    "MaxPool",
    "Mean",
    "Model",
    "ModelFileError",
    "NetworkClassifier",
    "NetworkRegressor",
    "NotationError",
    "Note",
    "OptionError",
    "OutputError",
    "Place",
    "Positions",
    "Predictions",
    "Progress",
    "Reading",
    "Residual",
    "Run",
    "RunError",
    "SchemaError",
    "Sequential",
    "Settings",
    "ShapeError",
    "SpecAugment",
    "TargetError",
    "Task",
    "TooLargeError",
    "Transformer",
    "Verdict",
    "evaluate",
    "find_model",
    "find_run",
    "load",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("lamina")
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'lamina' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_PLACE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__, "__version__"))
