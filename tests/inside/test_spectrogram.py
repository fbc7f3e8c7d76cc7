"""Spectrograms: a tone stands where its frequency is, louder is lighter, padding is cut off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lamina.data.examples import SILENCE
from lamina.inside.opened import opened
from lamina.inside.spectrogram import greys, hears, spectrograms
from lamina.model import NetworkPart
from lamina.network import Dense, GlobalPool, Sequential, trace
from lamina.network.series_input import SeriesInput
from lamina.network.sound_input import SoundInput

Part = Callable[..., NetworkPart]


def tones() -> np.ndarray:
    """Half a second each of 400 and of 3,000 Hz at 8,000 samples a second, the second one shorter."""
    at = np.arange(4000) / 8000
    x = np.stack([np.sin(2 * np.pi * f * at) * 8000 for f in (400, 3000)]).astype(np.int16)
    x[1, 2000:] = SILENCE
    return x


def test_a_tone_stands_at_its_height(part: Part) -> None:
    of = part(Sequential([SoundInput(8000), GlobalPool(), Dense(1, "linear")]), (4000,))
    low, high = spectrograms(of, tones())
    assert (low.shape, high.shape) == ((50, 40), (25, 40))
    assert 3 < low[10].argmax() < 10  # of 40 bands that are even in mel up to 4,000 Hz
    assert high[10].argmax() > 30
    pictures = greys([low, high])
    assert [picture.shape for picture in pictures] == [(40, 50, 1), (40, 25, 1)]
    assert pictures[0][:, 10, 0].argmax() == 39 - low[10].argmax()


@pytest.mark.slow
def test_it_is_what_the_network_hears(part: Part) -> None:
    of = part(Sequential([SoundInput(8000), GlobalPool(), Dense(1, "linear")]), (4000,))
    heard = np.asarray(trace(opened(of), tones())["0.sound"])[..., 0]
    np.testing.assert_allclose(spectrograms(of, tones())[0], heard[0], rtol=1e-5, atol=1e-5)


def test_only_a_network_for_recordings_hears(part: Part) -> None:
    assert not hears(part(Sequential([SeriesInput(), GlobalPool(), Dense(1, "linear")]), (7, 2)))


def test_silence_alone_is_one_grey() -> None:
    assert len(np.unique(greys([np.zeros((4, 3))])[0])) == 1
    assert greys([]) == []
