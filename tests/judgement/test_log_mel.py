"""Log-mel frames: those of the network's own input layer, whatever is computed together."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from lamina.data.examples import SILENCE
from lamina.judgement import log_mel
from lamina.judgement.log_mel import averaged_frames, log_mel_frames
from lamina.network import build
from lamina.network.layer import Context
from lamina.network.sound_input import SoundInput

RATE = 8_000


def tones(*lengths: int) -> np.ndarray:
    """A tone in noise of each of these lengths, SILENCE behind their ends."""
    rng = np.random.default_rng(0)
    sounds = np.full((len(lengths), max(lengths)), SILENCE, np.int16)
    for i, length in enumerate(lengths):
        wave = np.sin(np.arange(length) * (0.1 + 0.1 * i)) + 0.1 * rng.normal(size=length)
        sounds[i, :length] = 8_000 * wave
    return sounds


def test_frames_are_those_of_the_input_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = tones(800, 500, 800)
    monkeypatch.setattr(log_mel, "FRAMES", 25)  # two sounds at a time
    frames, said = log_mel_frames(sounds, RATE)
    theirs = build(SoundInput(RATE), (800,)).apply(jnp.asarray(sounds), Context())[0][..., 0]
    live = ~np.isnan(frames)
    assert live[:, :, 0].sum(axis=1).tolist() == [10, 7, 10]
    assert np.where(live, frames, 0.0) == pytest.approx(np.asarray(theirs), abs=1e-4)
    assert said == "log-mel"


def test_where_there_are_many_frames_are_averaged_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = tones(800, 500)
    whole, _ = log_mel_frames(sounds, RATE)
    monkeypatch.setattr(log_mel, "CELLS", whole.size / 2.5)
    frames, said = log_mel_frames(sounds, RATE)
    assert said == "log-mel, 3 frames averaged"
    assert frames.shape == (2, 4, whole.shape[2])
    assert frames[0, 1] == pytest.approx(whole[0, 3:6].mean(axis=0), rel=1e-5)
    assert frames[1, 2] == pytest.approx(whole[1, 6])  # of seven frames the last stands alone
    assert np.isnan(frames[1, 3]).all()
    assert averaged_frames(whole, 1) is whole
