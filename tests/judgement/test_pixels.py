"""What simple models see of images, by hand."""

from __future__ import annotations

import numpy as np

from lamina.judgement.pixels import averaged


def test_pixels_are_averaged_over_square_blocks() -> None:
    images = np.zeros((1, 64, 66, 1), np.uint8)
    images[0, :3, :3] = 90  # one block of three by three, as 66 > 2 * 32
    values, called = averaged(images, 32)
    assert called == "pixels averaged to 21x22"
    assert values.shape == (1, 21 * 22)
    assert values[0, 0] == 90
    assert values.sum() == 90
    assert averaged(np.ones((2, 1, 1, 3), np.uint8), 32)[0].tolist() == [[1, 1, 1]] * 2
    assert averaged(np.full((2, 1, 50, 1), 7, np.uint8), 32)[0].tolist() == [[7] * 25] * 2
