"""One recording: what its header says, and its samples as 16-bit numbers, mono, at the rate that is wanted.

Plain .wav files are read by wav.py, all else by libsndfile (the extra ``audio``).
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from lamina.data.examples import SILENCE
from lamina.data.media_files import MediaFile
from lamina.data.wav import is_wave, read_wave, wave_samples
from lamina.errors import DataError

THREADS = 2
RATES = (1_000, 768_000)  # samples a second that a recording may have; the telephone has 8,000, a bat's voice 400,000
MOST_SAMPLES = 1 << 28  # of one recording, all channels together: a gigabyte as float32
FULL, COARSE_FULL = 0.9999, 0.99  # what counts as full scale; of 8 bits the largest number is 127 / 128
CLIPPED = 0.001  # this share of samples between others at full scale: a sine as loud as can be has none
QUIET = 16  # of 32,767: where no sample is louder, 66 dB below the loudest there can be, there is nothing to hear


@dataclass(frozen=True)
class Head:
    """What a recording's header says: ``frames`` are samples of each channel."""

    rate: int
    channels: int
    frames: int


@dataclass(frozen=True)
class Heard:
    """Samples of one recording, int16 [n], and what is special about it."""

    samples: np.ndarray
    silent: bool
    clipped: bool
    cut: bool


def examine_all(files: Sequence[MediaFile]) -> tuple[dict[int, Head], dict[int, str]]:
    """The header of each recording, or why it can't be read, by its number.

    DataError where a file needs libsndfile and it is not installed.
    """
    heads: dict[int, Head] = {}
    failures: dict[int, str] = {}
    for i, found in enumerate(_threaded(_examine, files)):
        if isinstance(found, Head):
            heads[i] = found
        else:
            failures[i] = found
    return heads, failures


def decode_all(
    files: Sequence[MediaFile], rate: int, length: int, *, skip: set[int] | None = None
) -> tuple[np.ndarray, dict[int, Heard], dict[int, str], list[bytes]]:
    """All recordings at one rate and of one length, int16 [n, length], cut or padded with SILENCE.

    Beside them what is special about each (without its samples), why it failed, both by number, and the SHA-256 of each
    file's bytes. A row that failed is silence.
    """
    rows = np.full((len(files), length), SILENCE, np.int16)
    heard: dict[int, Heard] = {}
    failures: dict[int, str] = {}
    digests = [b""] * len(files)
    wanted = [i for i in range(len(files)) if i not in (skip or ())]
    work = functools.partial(_decode, rate=rate, length=length)
    for i, (found, digest) in zip(wanted, _threaded(work, [files[i] for i in wanted]), strict=True):
        digests[i] = digest
        if isinstance(found, str):
            failures[i] = found
        else:
            rows[i, : len(found.samples)] = found.samples
            heard[i] = Heard(np.zeros(0, np.int16), found.silent, found.clipped, found.cut)
    return rows, heard, failures, digests


def _threaded(work: Callable[[MediaFile], Any], files: Sequence[MediaFile]) -> Iterator[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(work, files)


# --- Headers ---------------------------------------------------------------------------------------------------------


def _examine(file: MediaFile) -> Head | str:
    try:
        with file.open() as opened:
            return _checked(_head(opened, file.name))
    except DataError:
        raise
    except Exception as error:  # a damaged file can make a decoder raise anything
        return _why(error)


def _head(opened: BinaryIO, name: str) -> Head:
    beginning = opened.read(12)
    if not beginning:
        raise ValueError("it is empty")
    if is_wave(beginning) and (wave := read_wave(opened)) is not None:
        return Head(wave.rate, wave.channels, wave.frames)
    opened.seek(0)
    with _sound_file(opened, name) as sound:
        return Head(sound.samplerate, sound.channels, sound.frames)


def _checked(head: Head) -> Head:
    if not head.frames:
        raise ValueError("it has no samples")
    if not RATES[0] <= head.rate <= RATES[1]:
        raise ValueError(f"its header says {head.rate:,} samples a second")
    if head.frames * head.channels > MOST_SAMPLES:
        raise ValueError(f"it has {head.frames * head.channels:,} samples, and at most {MOST_SAMPLES:,} are read")
    return head


def _sound_file(opened: BinaryIO, name: str) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: there is the module, but no libsndfile
        raise DataError(
            f"{name} is no plain .wav file, and reading others needs the library soundfile.",
            expected="The extra audio in this environment, or .wav files of plain 16-bit numbers.",
            mend="pip install soundfile",
        ) from error
    return soundfile.SoundFile(opened)


def _why(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "Format not recognised" in text or "unknown format" in text.lower():
        return "no sound in a known format"
    return text.removeprefix("Error opening <_io.BytesIO object>: ")[:120].rstrip(".")


# --- Samples ---------------------------------------------------------------------------------------------------------


def _decode(file: MediaFile, rate: int, length: int) -> tuple[Heard | str, bytes]:
    digest = b""
    try:
        with file.open() as opened:
            content = opened.read()
        digest = hashlib.sha256(content).digest()
        samples, found, full = _samples(content, file.name)
        return fitted(samples, found, rate, length=length, full=full), digest
    except DataError:
        raise
    except Exception as error:  # a damaged file can make a decoder raise anything
        return _why(error), digest


def _samples(content: bytes, name: str) -> tuple[np.ndarray, int, float]:
    """Samples [frames, channels] from -1 to 1, their rate, and what counts as full scale."""
    opened = io.BytesIO(content)
    if is_wave(content[:12]) and (wave := read_wave(opened)) is not None:
        return wave_samples(content, wave), wave.rate, COARSE_FULL if wave.bits == 8 else FULL
    opened.seek(0)
    with _sound_file(opened, name) as sound:
        samples = sound.read(dtype="float32", always_2d=True)
        if len(samples) < sound.frames:
            raise ValueError(f"it is truncated: {len(samples):,} of {sound.frames:,} samples are there")
        return samples, sound.samplerate, FULL


def fitted(samples: np.ndarray, found: int, rate: int, *, length: int, full: float = FULL) -> Heard:
    """Samples [frames, channels] at the rate ``found`` as mono at ``rate``, cut to their loudest stretch of ``length``.

    >>> fitted(np.array([[0.0, 0.5], [0.5, 0.5]], np.float32), 8000, 8000, length=3).samples.tolist()
    [8192, 16384]
    """
    if not np.isfinite(samples).all():
        raise ValueError("some of its samples are no numbers")
    clipped = _is_clipped(samples, full)
    mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    whole = sixteen_bit(resampled(mono, found, rate))
    return Heard(loudest(whole, length), bool(np.abs(whole).max() <= QUIET), clipped, len(whole) > length)


def _is_clipped(samples: np.ndarray, full: float) -> bool:
    loud = (samples >= full) | (samples <= -full)
    return bool((loud[2:] & loud[1:-1] & loud[:-2]).any(axis=1).sum() > CLIPPED * len(samples))


def sixteen_bit(samples: np.ndarray) -> np.ndarray:
    """Samples from -1 to 1 as int16 from -32767 to 32767.

    >>> sixteen_bit(np.array([-1.0, 0.25, 2.0])).tolist()
    [-32767, 8192, 32767]
    """
    return np.clip(np.rint(samples * np.float32(32768)), -32767, 32767).astype(np.int16)


def resampled(samples: np.ndarray, found: int, rate: int) -> np.ndarray:
    """Samples [n] at the rate ``found`` as they sound at ``rate``, by a polyphase filter.

    >>> len(resampled(np.zeros(441, np.float32), 44_100, 16_000))
    160
    """
    if found == rate:
        return samples
    from scipy.signal import resample_poly

    divisor = math.gcd(found, rate)
    up, down = rate // divisor, found // divisor
    return resample_poly(samples, up, down, window=_filter(up, down))


@functools.lru_cache(64)
def _filter(up: int, down: int) -> np.ndarray:
    """The low-pass that ``resample_poly`` makes anew each time."""
    from scipy.signal import firwin

    widest = max(up, down)
    shape: Any = ("kaiser", 5.0)
    return np.asarray(firwin(20 * widest + 1, 1 / widest, window=shape), np.float32)


def loudest(samples: np.ndarray, length: int) -> np.ndarray:
    """The stretch of ``length`` samples with the most energy, the first of equals; all where there are no more.

    >>> loudest(np.array([0, 1, 2, 0], np.int16), 2).tolist()
    [1, 2]
    """
    if len(samples) <= length:
        return samples
    energy = np.concatenate([[0], np.cumsum(samples.astype(np.int64) ** 2)])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]
