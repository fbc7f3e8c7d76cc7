"""The package as others see it: its names, its marker of types, what importing it costs."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lamina

HEAVY = ("jax", "jaxlib", "sklearn", "scipy", "duckdb", "PIL", "optax", "numpy")

LAYERS = {
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
}
ERRORS = {
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
}
VERBS = {"evaluate", "find_model", "find_run", "load", "resume", "train"}
NOUNS = {
    "Examples",
    "Model",
    "Note",
    "Place",
    "Predictions",
    "Progress",
    "Reading",
    "Run",
    "Settings",
    "Task",
    "Verdict",
}
ESTIMATORS = {"NetworkClassifier", "NetworkRegressor"}


def test_the_public_names_are_these() -> None:
    assert set(lamina.__all__) == LAYERS | ERRORS | VERBS | NOUNS | ESTIMATORS
    assert set(lamina.__all__) <= set(dir(lamina))


@pytest.mark.parametrize("name", sorted(lamina.__all__))
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(lamina, name)
    assert value.__name__ == name
    assert value.__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        lamina.nothing  # noqa: B018


def test_all_errors_are_public() -> None:
    from lamina import errors

    tree = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert tree == ERRORS


def _imported_by(statement: str) -> set[str]:
    listing = f"import sys; {statement}; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement", ["import lamina", "import lamina.errors", "import lamina.cli", "dir(__import__('lamina'))"]
)
def test_importing_is_cheap(statement: str) -> None:
    assert not _imported_by(statement) & set(HEAVY)


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert lamina.__version__ == importlib.metadata.version("lamina") == project["version"]


def test_the_package_is_typed_and_brings_its_samples() -> None:
    files = importlib.resources.files("lamina")
    assert (files / "py.typed").is_file()
    assert (files / "samples" / "penguins.csv").is_file()
