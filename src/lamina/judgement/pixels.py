"""Pixels: images as simple models see them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina.judgement.fold import SEED, Matrix, some_rows

SIDE = 32  # larger images are averaged down to at most so many pixels a side
TREE_PIXELS = 256  # and for trees, which take a column at a time, to so many numbers
COMPONENTS = 64
PCA_ROWS = 10_000


@dataclass(frozen=True)
class Pixels:
    """Images as rows of numbers [rows, pixels x channels], averaged down if they are large."""

    values: np.ndarray
    size: str
    coarse: np.ndarray
    about_binned: str

    @staticmethod
    def of(images: np.ndarray) -> Pixels:
        """Of images uint8 [rows, height, width, channels]."""
        fewer = int(np.sqrt(TREE_PIXELS / images.shape[3]))
        return Pixels(*averaged(images, SIDE), *averaged(images, max(1, fewer)))

    @property
    def width(self) -> int:
        """How many numbers an image is."""
        return self.values.shape[1]

    @property
    def about_scaled(self) -> str:
        """What linear models see."""
        return self.size

    @property
    def about_compact(self) -> str:
        """What the others see."""
        few = self.width <= 4 * COMPONENTS
        return self.size if few else f"{COMPONENTS} principal components of {self.size}"

    def scaled(self, known: np.ndarray) -> Matrix:
        """Every pixel minus its mean, all divided by one number: a pixel that hardly varies stays so."""
        some = self.values[some_rows(known, PCA_ROWS)].astype(np.float32)
        mean = some.mean(axis=0)
        spread = max(float((some - mean).std()), 1e-6)
        return lambda rows: (self.values[rows].astype(np.float32) - mean) / spread

    def compact(self, known: np.ndarray) -> Matrix:
        """The same, or its principal components if there are many pixels."""
        from sklearn.decomposition import PCA

        scaled = self.scaled(known)
        if self.width <= 4 * COMPONENTS:
            return scaled
        some = some_rows(known, PCA_ROWS)
        model = PCA(min(COMPONENTS, len(some)), random_state=SEED).fit(scaled(some))
        return lambda rows: np.concatenate(
            [model.transform(scaled(r)) for r in np.array_split(rows, 1 + len(rows) // 20_000)]
        )

    def binned(self, known: np.ndarray, most: int) -> tuple[Matrix, np.ndarray]:
        """Fewer pixels, as they are; none is a category."""
        return lambda rows: self.coarse[rows], np.zeros(self.coarse.shape[1], bool)


def averaged(images: np.ndarray, side: int) -> tuple[np.ndarray, str]:
    """Rows of pixels, both sides of an image at most ``side`` by averaging square blocks; and what to call them.

    >>> averaged(np.array([0, 2, 4, 6]).reshape(1, 2, 2, 1), 1)
    (array([[3.]], dtype=float32), 'pixels averaged to 1x1')
    """
    block = max(1, -(-max(images.shape[1:3]) // side))
    if block == 1:
        return images.reshape(len(images), -1), f"{images.shape[1]}x{images.shape[2]} pixels"
    tall, broad = (min(block, extent) for extent in images.shape[1:3])  # an image may be one pixel high
    high, wide = images.shape[1] // tall, images.shape[2] // broad
    blocks = images[:, : high * tall, : wide * broad].reshape(len(images), high, tall, wide, broad, -1)
    means = np.concatenate([some.mean(axis=(2, 4), dtype=np.float32) for some in np.array_split(blocks, 20)])
    return means.reshape(len(images), -1), f"pixels averaged to {high}x{wide}"
