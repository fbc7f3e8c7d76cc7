"""One recording: formats, resampling, channels, level and length, and files that can't be read."""

from __future__ import annotations

import functools
import io
import sys

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from lamina.data.examples import SILENCE
from lamina.data.media_files import MediaFile
from lamina.data.recording import Head, decode_all, examine_all, fitted, loudest, resampled, sixteen_bit
from lamina.errors import DataError


def tone(seconds: float = 0.1, rate: int = 8000, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def wav(samples: np.ndarray, rate: int = 8000) -> bytes:
    buffer = io.BytesIO()
    wavfile.write(buffer, rate, sixteen_bit(samples))
    return buffer.getvalue()


def files(*contents: bytes) -> list[MediaFile]:
    return [MediaFile(f"{i}.wav", functools.partial(io.BytesIO, content)) for i, content in enumerate(contents)]


def failure(content: bytes) -> str:
    """Why a recording is left out, from its header or its samples."""
    _, failures = examine_all(files(content))
    return failures.get(0) or decode_all(files(content), 8000, 100)[2][0]


@pytest.mark.parametrize(
    ("form", "subtype", "close"),
    [
        ("WAV", "PCM_16", 1),
        ("WAV", "ULAW", 600),
        ("FLAC", "PCM_16", 1),
        ("FLAC", "PCM_24", 1),
        ("AIFF", "PCM_16", 1),
        ("OGG", "VORBIS", 3000),
        ("OGG", "OPUS", 3000),
        ("MP3", "MPEG_LAYER_III", 3000),
    ],
)
def test_every_format_is_read(form: str, subtype: str, close: int) -> None:
    buffer, samples = io.BytesIO(), tone(0.5)
    soundfile.write(buffer, samples, 8000, format=form, subtype=subtype)
    heads, failures = examine_all(files(buffer.getvalue()))
    assert not failures
    assert heads[0].channels == 1
    rows, heard, failures, digests = decode_all(files(buffer.getvalue()), 8000, 4000)
    assert not failures
    there = rows[0] != SILENCE
    assert there.sum() > 3500
    assert (len(digests[0]), heard[0].silent, heard[0].clipped) == (32, False, False)
    if form != "MP3":  # which begins with a delay
        assert np.abs(rows[0].astype(int) - sixteen_bit(samples))[there].max() <= close


def test_sixteen_bits_come_back_as_they_were() -> None:
    samples = np.random.default_rng(0).integers(-32767, 32768, 500).astype(np.int16)
    buffer = io.BytesIO()
    wavfile.write(buffer, 8000, samples)
    rows, heard, _, _ = decode_all(files(buffer.getvalue()), 8000, 600)
    np.testing.assert_array_equal(rows[0, :500], samples)
    assert (rows[0, 500:] == SILENCE).all()
    assert not heard[0].cut


def test_the_lowest_number_never_means_silence() -> None:
    buffer = io.BytesIO()
    wavfile.write(buffer, 8000, np.array([-32768, 0, 32767], np.int16))
    assert decode_all(files(buffer.getvalue()), 8000, 3)[0][0].tolist() == [-32767, 0, 32767]


@pytest.mark.parametrize(("found", "rate"), [(44_100, 8000), (16_000, 8000), (8000, 16_000), (11_025, 16_000)])
def test_a_tone_is_the_same_tone_at_another_rate(found: int, rate: int) -> None:
    made = resampled(tone(0.2, found), found, rate)
    assert len(made) == -(-int(0.2 * found) * rate // found)
    inner = slice(100, -100)
    np.testing.assert_allclose(made[inner], tone(0.2, rate)[: len(made)][inner], atol=2e-3)


def test_what_a_lower_rate_can_not_hold_is_filtered_out() -> None:
    made = resampled(tone(0.2, 44_100, hertz=7000.0), 44_100, 8000)  # would be heard as 1,000 hertz
    assert np.abs(made[100:-100]).max() < 0.01


def test_channels_are_averaged() -> None:
    both = np.stack([tone(), np.zeros_like(tone())], axis=1)
    heads, _ = examine_all(files(wav(both)))
    assert heads[0] == Head(8000, 2, 800)
    np.testing.assert_allclose(decode_all(files(wav(both)), 8000, 800)[0][0], sixteen_bit(tone() / 2), atol=1)


@pytest.mark.parametrize(
    ("samples", "silent"),
    [(np.zeros(800), True), (tone(level=0.0004), True), (tone(level=0.001), False)],
)
def test_silence(samples: np.ndarray, silent: bool) -> None:
    assert decode_all(files(wav(samples)), 8000, 800)[1][0].silent == silent


@pytest.mark.parametrize(
    ("samples", "clipped"),
    [
        (np.clip(tone(1.0, level=1.5), -1, 1), True),
        (np.clip(tone(1.0, level=-1.3), -1, 1), True),
        (tone(1.0, level=1.0), False),  # as loud as can be
        (np.where(np.arange(8000) == 4000, 1, tone(1.0)), False),  # a click
    ],
)
def test_clipping(samples: np.ndarray, clipped: bool) -> None:
    assert decode_all(files(wav(samples)), 8000, 800)[1][0].clipped == clipped


def test_eight_bits_clip_at_their_own_largest_number() -> None:
    buffer = io.BytesIO()
    wavfile.write(buffer, 8000, np.clip(128 + 200 * tone(1.0, level=1.0), 0, 255).astype(np.uint8))
    assert decode_all(files(buffer.getvalue()), 8000, 800)[1][0].clipped


def test_the_loudest_stretch_is_kept() -> None:
    samples = np.concatenate([tone(0.1, level=0.1), tone(0.1, level=0.9), tone(0.1, level=0.2)])
    rows, heard, _, _ = decode_all(files(wav(samples)), 8000, 800)
    assert heard[0].cut
    np.testing.assert_allclose(rows[0], sixteen_bit(samples[800:1600]), atol=1)


def test_of_equally_loud_stretches_the_first_is_kept() -> None:
    samples = np.array([5, 1, 0, 1, 5, 1], np.int16)
    assert loudest(samples, 2).tolist() == [5, 1]
    rng = np.random.default_rng(0)
    for _ in range(20):
        samples = rng.integers(-9, 9, 12).astype(np.int16)
        energies = [(samples[i : i + 5].astype(int) ** 2).sum() for i in range(8)]
        best = int(np.argmax(energies))
        assert loudest(samples, 5).tolist() == samples[best : best + 5].tolist()


def test_energy_does_not_overflow() -> None:
    samples = np.concatenate([np.full(300_000, 100, np.int16), np.full(300_000, -32767, np.int16)])
    assert (loudest(samples, 300_000) == -32767).all()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"not a sound at all", "no sound in a known format"),
        (wav(tone())[:-100], "it is truncated: 750 of 800 samples are there"),
        (wav(tone())[:30], "its header is damaged"),
        (wav(tone())[:40], "it ends before its samples"),
        (wav(np.zeros(0)), "it has no samples"),
        (wav(tone(), 10), "its header says 10 samples a second"),
    ],
)
def test_what_can_not_be_read_is_said(content: bytes, why: str) -> None:
    assert failure(content) == why


def test_a_truncated_flac_is_found_out() -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 20_000)
    soundfile.write(buffer, noise, 8000, format="FLAC")
    assert failure(buffer.getvalue()[:20_000])


def test_numbers_that_are_none_are_refused() -> None:
    buffer = io.BytesIO()
    wavfile.write(buffer, 8000, np.array([0, np.nan, 1], np.float32))
    assert failure(buffer.getvalue()) == "some of its samples are no numbers"
    with pytest.raises(ValueError, match="no numbers"):
        fitted(np.array([[np.inf]], np.float32), 8000, 8000, length=1)


def test_more_samples_than_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.data.recording.MOST_SAMPLES", 799)
    assert failure(wav(tone())) == "it has 800 samples, and at most 799 are read"


def test_one_that_fails_leaves_the_others_alone() -> None:
    found = files(wav(tone()), b"broken", wav(tone(hertz=880)))
    rows, heard, failures, digests = decode_all(found, 8000, 800, skip={0})
    assert set(failures) == {1}
    assert set(heard) == {2}
    assert digests[0] == b""
    assert (rows[:2] == SILENCE).all()


def test_without_libsndfile_plain_wav_is_read_and_the_extra_named(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(), 8000, format="FLAC")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert examine_all(files(wav(tone())))[0] == {0: Head(8000, 1, 800)}
    with pytest.raises(DataError, match="soundfile") as caught:
        examine_all(files(wav(tone()), buffer.getvalue()))
    assert "audio" in caught.value.expected
    assert "pip install" in caught.value.mend
