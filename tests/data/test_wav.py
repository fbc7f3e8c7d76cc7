"""The inside of .wav files, against SciPy's writer and reader, and files that are not whole."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from lamina.data.wav import Wave, is_wave, read_wave, wave_samples


def written(samples: np.ndarray, rate: int = 8000) -> bytes:
    buffer = io.BytesIO()
    wavfile.write(buffer, rate, samples)
    return buffer.getvalue()


def read(content: bytes) -> tuple[Wave, np.ndarray]:
    wave = read_wave(io.BytesIO(content))
    assert wave is not None
    return wave, wave_samples(content, wave)


def noise(dtype: str, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    if dtype.startswith("float"):
        return rng.uniform(-1, 1, (50, channels)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (50, channels), dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "scale", "bits"),
    [("uint8", 128, 8), ("int16", 1 << 15, 16), ("int32", 1 << 31, 32), ("float32", 1, 32), ("float64", 1, 64)],
)
def test_each_width_as_scipy_writes_it(dtype: str, scale: int, bits: int) -> None:
    samples = noise(dtype)
    wave, found = read(written(samples, 22_050))
    expected = samples.astype(np.float64) - (128 if dtype == "uint8" else 0)
    np.testing.assert_allclose(found, expected / scale, rtol=1e-6)
    assert (wave.rate, wave.channels, wave.bits, wave.frames) == (22_050, 2, bits, 50)
    assert found.dtype == np.float32


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
def test_each_width_as_libsndfile_reads_it(subtype: str, form: str) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, noise("float32", 3), 8000, format=form, subtype=subtype)
    _, found = read(buffer.getvalue())
    buffer.seek(0)
    np.testing.assert_array_equal(found, soundfile.read(buffer, dtype="float32")[0])


def test_companded_samples_are_for_others() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, noise("float32"), 8000, format="WAV", subtype="ULAW")
    assert is_wave(buffer.getvalue())
    assert read_wave(buffer) is None


def test_chunks_before_and_behind_the_samples_are_passed_over() -> None:
    whole = written(noise("int16"))
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # of odd length, then a byte that counts for nothing
    _, found = read(whole[:12] + odd + whole[12:] + odd)
    np.testing.assert_array_equal(found, read(whole)[1])


def test_a_program_that_did_not_know_the_length() -> None:
    whole = bytearray(written(noise("int16")))
    at = whole.index(b"data") + 4
    whole[at : at + 4] = struct.pack("<I", 0xFFFFFFFF)
    assert read(bytes(whole))[0].frames == 50


def test_the_samples_of_a_truncated_file_are_counted() -> None:
    whole = written(noise("int16"))
    with pytest.raises(ValueError, match="truncated: 40 of 50"):
        read_wave(io.BytesIO(whole[: -4 * 10]))


@pytest.mark.parametrize("keep", [12, 20, 36, 40])
def test_a_file_that_ends_in_its_header(keep: int) -> None:
    with pytest.raises(ValueError, match="header|ends before"):
        read_wave(io.BytesIO(written(noise("int16"))[:keep]))


@pytest.mark.parametrize(("at", "bytes_"), [(22, b"\0\0"), (32, b"\7\0")])
def test_a_header_that_contradicts_itself(at: int, bytes_: bytes) -> None:
    whole = bytearray(written(noise("int16")))
    whole[at : at + 2] = bytes_
    with pytest.raises(ValueError, match="header is damaged"):
        read_wave(io.BytesIO(bytes(whole)))


def test_samples_before_their_form() -> None:
    whole = written(noise("int16"))
    with pytest.raises(ValueError, match="header is damaged"):
        read_wave(io.BytesIO(whole[:12] + whole[36:]))


def test_what_is_no_wave(tmp_path: Path) -> None:
    assert not is_wave(b"")
    assert not is_wave(b"RIFF\0\0\0\0AVI ")
