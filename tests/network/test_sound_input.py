"""SoundInput against SciPy's transform and mel bands written out by hand, its frames, its mask and its statistics."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import get_window, stft

from lamina.data.examples import SILENCE as SILENCE_OF_DATA
from lamina.errors import OptionError, ShapeError
from lamina.network import Context, build
from lamina.network.sound_input import SILENCE, SoundInput, mel_bands


def sounds(count: int = 3, samples: int = 1700, seed: int = 0) -> np.ndarray:
    """Chirps in noise, int16."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 8000
    chirps = 8000 * np.sin(2 * np.pi * (300 + 900 * time) * time * rng.uniform(0.5, 2, (count, 1)))
    return (chirps + rng.normal(0, 300, (count, samples))).astype(np.int16)


def layer(samples: int, rate: int = 8000, mels: int = 40, *, levelled: bool = False) -> SoundInput:
    return build(SoundInput(rate, mels, levelled=levelled), (samples,))


def heard(of: SoundInput, x: np.ndarray | jax.Array) -> np.ndarray:
    return np.asarray(applied(of, jnp.asarray(x)))


@jax.jit
def applied(of: SoundInput, x: jax.Array) -> jax.Array:
    return of.apply(x, Context())[0]


def slaney(hertz: float) -> float:
    """Slaney's scale as his Auditory Toolbox has it: 3 mel each 200 Hz up to 1 kHz, 27 mel from there to 6.4 kHz."""
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)


def reference_bands(rate: int, mels: int, frequencies: np.ndarray) -> np.ndarray:
    grid = np.linspace(0, rate / 2, 40_001)
    edges = np.interp(np.linspace(0, slaney(rate / 2), mels + 2), [slaney(h) for h in grid], grid)
    return np.stack([np.interp(frequencies, edges[i : i + 3], [0, 1, 0]) for i in range(mels)], axis=1)


def reference(x: np.ndarray, rate: int, size: int, mels: int = 40) -> np.ndarray:
    """Log-mel frames by SciPy's short-time transform, [batch, frames, mels]."""
    length, hop = rate * 25 // 1000, rate // 100
    count = -(-x.shape[1] // hop)
    padded = np.pad(x / 32768, ((0, 0), (0, length)))
    hann = get_window("hann", length)
    frequencies, _, found = stft(
        padded, rate, hann, length, length - hop, size, boundary=None, padded=False, scaling="spectrum"
    )
    power = np.abs(found[..., :count] * hann.sum()) ** 2 / (hann**2).sum()
    return np.log(np.maximum(power.transpose(0, 2, 1) @ reference_bands(rate, mels, frequencies), 1e-10))


@pytest.mark.parametrize(("rate", "size", "mels"), [(8000, 256, 40), (16000, 512, 64), (11025, 512, 20)])
def test_it_equals_scipys_transform_under_mel_bands(rate: int, size: int, mels: int) -> None:
    x = sounds()
    found = heard(layer(1700, rate, mels), x)
    expected = reference(x, rate, size, mels)
    assert found.shape == (3, -(-1700 // (rate // 100)), mels, 1)
    np.testing.assert_allclose(found[..., 0], expected, atol=2e-4)


def test_a_tone_is_loudest_in_the_band_around_it() -> None:
    bands, time = mel_bands(8000, 40, 1 << 14), np.arange(8000) / 8000
    for hertz in (200, 700, 1500, 3000):
        tone = (10_000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)[None]
        band = heard(layer(8000), tone)[0, 10:90, :, 0].mean(axis=0).argmax()
        assert band == bands[round(hertz / 8000 * (1 << 14))].argmax()


def test_bands_overlap_evenly() -> None:
    bands = mel_bands(16000, 40, 4096)
    inside = slice(bands[:, 0].argmax(), bands[:, -1].argmax() + 1)
    np.testing.assert_allclose(bands[inside].sum(axis=1), 1, atol=1e-9)
    assert (bands.max(axis=0) > 0.9).all()


def test_a_band_narrower_than_a_frequency_gets_a_longer_transform() -> None:
    found = heard(layer(1700, mels=150), sounds())
    assert (found.std(axis=(0, 1)) > 0.1).all()


def test_silence_of_the_data_is_that_of_the_layer() -> None:
    assert SILENCE == SILENCE_OF_DATA


@pytest.mark.parametrize(("there", "levelled"), [(1700, True), (1681, False), (1680, True), (500, True), (1, False)])
def test_a_padded_sound_is_heard_as_it_is_alone(there: int, levelled: bool) -> None:
    x = sounds()
    of = dataclasses.replace(
        layer(1700, levelled=levelled), mean=jnp.linspace(-9, -7, 40), deviation=jnp.linspace(2, 3, 40)
    )
    padded = np.where(np.arange(1700) < there, x, SILENCE).astype(np.int16)
    frames = -(-there // 80)
    found, alone = heard(of, padded), heard(of, x[:, :there])
    assert alone.shape[1] == frames
    np.testing.assert_allclose(found[:, :frames], alone, atol=1e-5)
    assert (found[:, frames:] == 0).all()
    alive = np.asarray(of.alive(None, jnp.asarray(padded)))
    assert (alive == (np.arange(22) < frames)).all()
    assert np.asarray(of.alive(None, jnp.asarray(x[:, :there]))).all()


def test_a_mask_of_samples_is_heeded() -> None:
    x, of = jnp.asarray(sounds()), layer(1700)
    mask = jnp.arange(1700)[None] < jnp.array([[1700], [800], [0]])
    assert np.asarray(of.alive(mask, x)).sum(axis=1).tolist() == [22, 10, 0]


def test_floats_are_heard_as_whole_numbers_are() -> None:
    x = np.where(np.arange(1700) < 1200, sounds(), SILENCE).astype(np.int16)
    of = layer(1700)
    np.testing.assert_array_equal(heard(of, x), heard(of, x.astype(np.float32)))
    assert of.output_shape((1700,)) == jax.eval_shape(applied, of, jnp.zeros((1, 1700), jnp.float32)).shape[1:]


def test_nothing_is_heard_below_the_floor() -> None:
    assert heard(layer(800), np.zeros((1, 800), np.int16)) == pytest.approx(np.log(1e-10))


def test_levelled_it_is_the_same_however_loud_it_was_recorded() -> None:
    x, of = sounds().astype(np.float32), layer(1700, levelled=True)
    np.testing.assert_allclose(heard(of, x / 30), heard(of, x), atol=1e-3)
    plain = heard(layer(1700), x)
    below = plain - plain.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(heard(of, x), np.maximum(below, -80 / (10 / np.log(10))), atol=1e-4)


def test_levelled_silence_is_not_made_loud() -> None:
    assert (heard(layer(800, levelled=True), np.zeros((1, 800), np.int16)) < -9).all()
    assert heard(layer(1700, levelled=True), sounds()).max() == 0


def test_statistics_are_those_of_live_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = np.array([[1700], [900], [80], [300], [1000]])
    x = np.where(np.arange(1700) < ends, sounds(5), SILENCE).astype(np.int16)
    of = layer(1700)
    monkeypatch.setattr("lamina.network.sound_input.COUNTED", 2 * 1700)  # two sounds at a time
    found = of.statistics(x)
    every = np.concatenate([y[: -(-ends[i, 0] // 80)] for i, y in enumerate(heard(of, x)[..., 0])])
    np.testing.assert_allclose(found["mean"], every.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(found["deviation"], every.std(axis=0), atol=1e-3)
    made = dataclasses.replace(of, **{name: jnp.asarray(a) for name, a in found.items()})
    y, alive = heard(made, x)[..., 0], np.asarray(made.alive(None, jnp.asarray(x)))
    np.testing.assert_allclose(y[alive].mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(y[alive].std(axis=0), 1, atol=1e-3)


def test_statistics_of_what_never_changes() -> None:
    found = layer(800).statistics(np.zeros((2, 800), np.int16))
    np.testing.assert_allclose(found["mean"], np.log(1e-10), rtol=1e-4)
    assert (found["deviation"] == 1).all()
    empty = layer(800).statistics(np.zeros((0, 800), np.int16))
    assert (empty["mean"] == 0).all()
    assert (empty["deviation"] == 1).all()


def test_under_vmap_each_member_has_its_own_statistics() -> None:
    x, one = jnp.asarray(sounds()), layer(1700)
    means = jnp.stack([jnp.full(40, -8.0), jnp.full(40, -3.0)])
    members = jax.jit(jax.vmap(lambda mean: applied(dataclasses.replace(one, mean=mean), x)))(means)
    np.testing.assert_allclose(members[1], members[0] - 5, atol=1e-4)


def test_the_gradient_by_the_samples_is_there_and_stops_at_the_end() -> None:
    x = np.where(np.arange(600) < 400, sounds(1, 600), SILENCE).astype(np.float32)
    of = layer(600)
    gradient = np.asarray(jax.grad(lambda x: applied(of, x).sum())(jnp.asarray(x)))[0]
    assert np.isfinite(gradient).all()
    assert (gradient[400:] == 0).all()
    at, step = 123, 30.0
    up, down = (heard(of, x + sign * step * (np.arange(600) == at)).sum(dtype=np.float64) for sign in (1, -1))
    assert gradient[at] == pytest.approx((up - down) / (2 * step), rel=0.05)


@pytest.mark.usefixtures("strict_types", "no_transfers")
def test_compiled_it_mixes_no_types_and_moves_nothing() -> None:
    with jax.transfer_guard("allow"):
        x, of = jnp.asarray(sounds()), layer(1700)
    assert applied(of, x).dtype == jnp.float32


@pytest.mark.parametrize(
    "wrong", [{"rate": 0}, {"mels": 0}, {"hop": 30}, {"window": 2.5}, {"mels": 10**9}, {"levelled": 1}]
)
def test_sizes_that_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        SoundInput(**{"rate": 8000, **wrong})


def test_a_shape_that_is_refused() -> None:
    with pytest.raises(ShapeError, match="input layer"):
        SoundInput(8000).output_shape((100, 3))
