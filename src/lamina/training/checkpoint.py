"""Checkpoints: all that training changes of a population, in one safetensors file, written so that no crash can tear
it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lamina.errors import RunError
from lamina.files import write_whole
from lamina.training.population import Population, Position


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None) -> None:
    """Named arrays and a little JSON about them as one safetensors file, written whole or not at all."""
    from safetensors.numpy import save

    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_whole(path, save(plain, metadata={"about": json.dumps(dict(about or {}))}))


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What :func:`save_arrays` wrote; RunError where the file is missing or broken."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 - a file, not a dict
    except (OSError, SafetensorError, ValueError) as problem:
        expected, mend = "A checkpoint that Lamina wrote.", "train anew, without --resume"
        raise RunError(f"The checkpoint {path} can't be read: {problem}.", expected=expected, mend=mend) from problem


def save(path: Path, population: Population) -> None:
    """Write where a population's training stands, member by member."""
    flat, _ = jax.tree_util.tree_flatten_with_path(population.moving)
    arrays = {jax.tree_util.keystr(where): np.asarray(leaf)[population.places] for where, leaf in flat}
    save_arrays(path, arrays, {"epoch": population.position.epoch, "piece": population.position.piece})


def restore(path: Path, population: Population) -> None:
    """Set a population of the same members and program, and of a plan of equal chunks, back to where :func:`save` left
    it.
    """
    arrays, about = load_arrays(path)
    flat, tree = jax.tree_util.tree_flatten_with_path(population.moving)
    names = [jax.tree_util.keystr(where) for where, _ in flat]
    shapes = {name: (len(population.members), *leaf.shape[1:]) for name, (_, leaf) in zip(names, flat, strict=True)}
    if {name: array.shape for name, array in arrays.items()} != shapes:
        raise RunError(
            f"The checkpoint {path} is of another population.",
            expected="The members, the network and the plan that it was written with.",
            mend="train anew, without --resume",
        )
    leaves = [_with(leaf, population.places, arrays[name]) for name, (_, leaf) in zip(names, flat, strict=True)]
    population.moving = jax.tree_util.tree_unflatten(tree, leaves)
    population.position = Position(about["epoch"], about["piece"])


def _with(leaf: jax.Array, places: np.ndarray, values: np.ndarray) -> jax.Array:
    """An array on its devices with other values at some places."""
    whole = np.array(leaf)
    whole[places] = values
    return jax.device_put(whole, leaf.sharding)
