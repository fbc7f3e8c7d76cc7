"""The weights that every library predicts with: trained for 200 steps by torch, once, and given to all of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from benchmarks.engine.examples import Examples
from benchmarks.engine.network import Cnn

NAMES = ("first", "second", "dense", "head")


def weights(examples: Examples) -> dict[str, np.ndarray]:
    """Kernels [out, in, height, width], matrices [out, in] (of features in torch's order) and biases, by layer."""
    path = Path(tempfile.gettempdir()) / f"lamina-benchmark-cnn-{len(examples.train)}.npz"
    if not path.exists():
        np.savez(path, **_trained(examples))  # type: ignore[arg-type]
    with np.load(path) as kept:
        return dict(kept)


def _trained(examples: Examples) -> dict[str, np.ndarray]:
    from benchmarks.engine.cores import available
    from benchmarks.engine.torch_peer import Setting, Torch
    from torch import nn

    one = Torch(Cnn(), examples, 64, Setting(available()))
    one.run(200)
    layers = [layer for layer in one.network.children() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    found = {}
    for name, layer in zip(NAMES, layers, strict=True):
        assert layer.bias is not None
        found[f"{name}.weight"] = layer.weight.detach().numpy()
        found[f"{name}.bias"] = layer.bias.detach().numpy()
    return found


def channels_last(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same for pictures whose channels come last: kernels [height, width, in, out], matrices [in, out]."""
    moved = {name: array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T for name, array in found.items()}
    dense = found["dense.weight"].reshape(128, 64, 7, 7).transpose(2, 3, 1, 0)
    return {**moved, "dense.weight": dense.reshape(3136, 128)}
