"""The inside of .wav files: what their header says, whether all of it is there, and their samples as numbers.

By hand, because libraries read a truncated file as if it were a shorter one. Format: the RIFF WAVE specification
(Microsoft and IBM 1991; extensible form, Microsoft 2001). Companded and compressed forms are for libsndfile.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

PLAIN, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE  # the format codes of whole numbers, of floats, and of "see below"
WIDTHS = {PLAIN: (8, 16, 24, 32), FLOATS: (32, 64)}
ENDLESS = 0xFFFFFFFF  # the size that a program writes which does not know yet how much will follow


@dataclass(frozen=True)
class Wave:
    """The form of the samples: ``bits`` each, whole numbers or ``floats``, from byte ``start``, ``frames`` in all."""

    rate: int
    channels: int
    bits: int
    floats: bool
    start: int
    frames: int


def is_wave(beginning: bytes) -> bool:
    """Whether a file that begins so is a .wav file.

    >>> is_wave(b"RIFF\\x24\\x00\\x00\\x00WAVE"), is_wave(b"fLaC")
    (True, False)
    """
    return beginning[:4] == b"RIFF" and beginning[8:12] == b"WAVE"


def read_wave(file: BinaryIO) -> Wave | None:
    """What the header says; None for a form that is not plain numbers. ValueError where the file is damaged."""
    form: tuple[int, ...] | None = None
    whole = file.seek(0, 2)
    at = 12
    while at + 8 <= whole:
        file.seek(at)
        name, size = struct.unpack("<4sI", file.read(8))
        at += 8
        if name == b"fmt ":
            form = _form(file.read(min(size, 40)))
        elif name == b"data":
            return _wave(form, at, size, whole)
        at += size + size % 2
    raise ValueError("it ends before its samples")


def _form(content: bytes) -> tuple[int, ...]:
    """Code, channels, samples a second, bytes a frame, bits a sample."""
    if len(content) < 16:
        raise ValueError("its header is damaged")
    code, channels, rate, _, block, bits = struct.unpack("<HHIIHH", content[:16])
    if code == EXTENSIBLE and len(content) >= 26:
        (code,) = struct.unpack("<H", content[24:26])
    return code, channels, rate, block, bits


def _wave(form: tuple[int, ...] | None, start: int, size: int, whole: int) -> Wave | None:
    if form is None:
        raise ValueError("its header is damaged")
    code, channels, rate, block, bits = form
    if bits not in WIDTHS.get(code, ()):
        return None
    if not channels or block != channels * bits // 8:
        raise ValueError("its header is damaged")
    there = whole - start
    size = there if size == ENDLESS else size
    if size > there:
        raise ValueError(f"it is truncated: {there // block:,} of {size // block:,} samples are there")
    return Wave(rate, channels, bits, code == FLOATS, start, size // block)


def wave_samples(content: bytes, wave: Wave) -> np.ndarray:
    """The samples of a whole file's bytes as float32 from -1 to 1, [frames, channels]."""
    count = wave.frames * wave.channels
    if wave.bits == 24:
        triples = np.frombuffer(content, np.uint8, 3 * count, wave.start).reshape(count, 3)
        words = np.zeros((count, 4), np.uint8)
        words[:, 1:] = triples
        values = words.view("<i4")[:, 0] / np.float32(1 << 31)
    elif wave.floats:
        values = np.frombuffer(content, f"<f{wave.bits // 8}", count, wave.start).astype(np.float32)
    elif wave.bits == 8:  # the only width without a sign
        values = (np.frombuffer(content, np.uint8, count, wave.start).astype(np.float32) - 128) / np.float32(128)
    else:
        values = np.frombuffer(content, f"<i{wave.bits // 8}", count, wave.start) / np.float32(1 << wave.bits - 1)
    return values.astype(np.float32, copy=False).reshape(wave.frames, wave.channels)
