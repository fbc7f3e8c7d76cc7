"""What the networks learn from: real data where a row can use it, the same rows for everybody."""

from __future__ import annotations

import functools
import gzip
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PIECE = 1 << 20  # bytes read at once


@dataclass(frozen=True)
class Examples:
    """Inputs [n, ...] (pictures uint8 [n, height, width, channels], else float32), classes [n], who uses which rows.

    ``train`` is a multiple of every batch size in use, so that no batch is ragged; ``validation`` is measured in
    training at the end of each epoch, by everybody; ``held`` afterwards. ``lengths`` [n]: how many steps of a sequence
    are there.
    """

    name: str
    inputs: np.ndarray
    targets: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    held: np.ndarray
    lengths: np.ndarray | None = None

    @functools.cached_property
    def floats(self) -> np.ndarray:
        """The inputs as a peer wants them in memory: pictures as float32, each channel standardised."""
        if self.inputs.dtype != np.uint8:
            return self.inputs
        return self.numbers(self.inputs)

    def numbers(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures of bytes as float32, standardised by the training pictures."""
        mean, deviation = self.statistics
        pixels = pictures.astype(np.float32)
        pixels -= mean  # in place: the memory of a run is measured as well
        pixels /= deviation
        return pixels

    @functools.cached_property
    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of each channel of the training pictures, in steps of a byte, float32."""
        counts = np.stack([self._counts(channel) for channel in range(self.inputs.shape[-1])])
        shares, values = counts / counts.sum(axis=1, keepdims=True), np.arange(256.0)
        mean = shares @ values
        return mean.astype(np.float32), np.sqrt(shares @ values**2 - mean**2).astype(np.float32)

    def _counts(self, channel: int) -> np.ndarray:
        """How often each value of a byte stands in the training pictures; bincount makes eight bytes of each."""
        pieces = np.array_split(self.train, 64)
        counts = [np.bincount(self.inputs[rows, ..., channel].ravel(), minlength=256) for rows in pieces]
        return np.sum(counts, axis=0)


@functools.cache
def load(name: str, data: Path) -> Examples:
    """The examples of a name, below the folder of data sets where they are not made or bundled."""
    match name:
        case "mnist":
            return mnist(data)
        case "mnist whole":
            return mnist(data, 54_016, 5_984)
        case "mnist rows":
            return mnist_rows(data)
        case "digits":
            return digits()
        case "signs":
            return signs(data)
        case "waves":
            return waves()
        case "made pictures":
            return made((28, 28, 1))
        case "made rows":
            return made((28, 28))
        case "made colours":
            return made((32, 32, 3))
        case "made numbers":
            return made((784,))
    raise ValueError(f"no examples {name!r}")


def mnist(data: Path, train: int = 48_128, validation: int = 512) -> Examples:
    """The 60,000 training pictures of MNIST (its test part has its own function), up to 10,000 of them held out."""
    inputs = idx(data / "mnist" / "train-images-idx3-ubyte.gz")[..., None]
    parts = parted(train, validation, min(10_000, len(inputs) - train - validation))
    return Examples("mnist", inputs, idx(data / "mnist" / "train-labels-idx1-ubyte.gz"), *parts)


def mnist_test(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """The 10,000 test pictures of MNIST and their classes."""
    inputs = idx(data / "mnist" / "t10k-images-idx3-ubyte.gz")[..., None]
    return inputs, idx(data / "mnist" / "t10k-labels-idx1-ubyte.gz")


def mnist_rows(data: Path) -> Examples:
    """MNIST as sequences of 28 rows of 28 pixels, float32."""
    pictures = mnist(data)
    rows = pictures.floats[..., 0]
    return Examples("mnist rows", rows, pictures.targets, pictures.train, pictures.validation, pictures.held)


def idx(path: Path) -> np.ndarray:
    """A file in MNIST's format as an array of bytes, read piece by piece: the memory of a run is measured as well."""
    with gzip.open(path) as file:
        axes = file.read(4)[3]
        shape = np.frombuffer(file.read(4 * axes), ">u4")
        size = int(shape.prod())
        room = np.empty(size + 64, np.uint8)
        start = -room.ctypes.data % 64
        values = room[start : start + size]  # where JAX reads it without a copy, as Lamina's own arrays
        for at in range(0, len(values), PIECE):
            values[at : at + PIECE] = np.frombuffer(file.read(min(PIECE, len(values) - at)), np.uint8)
    return values.reshape(shape)


def parted(train: int, validation: int, held: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers of three parts, shuffled."""
    rows = np.random.default_rng(0).permutation(train + validation + held)
    first, second, third = np.split(rows, [train, train + validation])
    return first, second, third


def digits() -> Examples:
    """scikit-learn's 1,797 digits of 8x8 as rows of 64 standardised numbers."""
    from sklearn.datasets import load_digits

    inputs, targets = load_digits(return_X_y=True)
    train, validation, held = parted(1440, 64, 293)
    deviation = inputs[train].std(axis=0)
    scaled = (inputs - inputs[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return Examples("digits", scaled.astype(np.float32), targets, train, validation, held)


def signs(data: Path) -> Examples:
    """Photographs of hands showing a digit, 32x32x3 (1,000 of them: 896, 40 and 64)."""
    from PIL import Image

    (path,) = (data / "sign_language_digits").glob("*.zip")
    pictures, targets = [], []
    with zipfile.ZipFile(path) as archive:
        names = sorted(n for n in archive.namelist() if n.lower().endswith((".jpg", ".jpeg", ".png")))
        for name in names:
            picture = Image.open(io.BytesIO(archive.read(name))).convert("RGB").resize((32, 32))
            pictures.append(np.asarray(picture))
            targets.append(int(Path(name).parent.name))
    return Examples("signs", np.stack(pictures), np.array(targets), *parted(896, 40, len(names) - 936))


def waves() -> Examples:
    """Made: 2,048 noisy waves in 8 channels of 20 to 100 steps; the class is the frequency."""
    rng = np.random.default_rng(0)
    rows = 2048 + 64 + 512
    targets, lengths = rng.integers(0, 10, rows), rng.integers(20, 101, rows)
    phase = rng.uniform(0, 2 * np.pi, (rows, 1, 8))
    time = np.arange(100)[None, :, None]
    inputs = np.sin(time * (0.1 + 0.1 * targets[:, None, None]) + phase) + rng.normal(0, 1, (rows, 100, 8))
    inputs *= time < lengths[:, None, None]
    return Examples("waves", inputs.astype(np.float32), targets, *parted(2048, 64, 512), lengths)


def made(shape: tuple[int, ...]) -> Examples:
    """Made: 10,240 times one of ten patterns under noise; three axes make a picture of bytes, fewer are float32."""
    rng = np.random.default_rng(0)
    parts = parted(10_240, 512, 1_024)
    rows = sum(map(len, parts))
    targets = rng.integers(0, 10, rows)
    values = (
        rng.standard_normal((rows, *shape), np.float32) + rng.standard_normal((10, *shape), np.float32)[targets] / 4
    )
    inputs = np.clip(128 + 40 * values, 0, 255).astype(np.uint8) if len(shape) == 3 else values
    return Examples(f"made {shape}", inputs, targets, *parts)
