"""A trained feed-forward network's answers in one native call: nothing is compiled, and XLA isn't waited for.

Through XLA one example waits longer for its program to come and go than for all products in it. Here a network is a
list of steps with their weights, and native/feedforward.cc takes one after the other. There is no JAX form: who finds
no library asks a compiled program.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np

from lamina.errors import ShapeError
from lamina.kernels import native
from lamina.kernels.alignment import aligned
from lamina.kernels.conv_block import Block, block_shape, geometry, has_native_form
from lamina.kernels.table import Table, side_by_side

Kind = Literal["scale", "convolution", "dense", "mean", "copy", "add", "softmax", "sigmoid", "table"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "silu")  # both in the order of the numbers in native/


class Step(NamedTuple):
    """What becomes of one example, from an array of shape ``before`` to one of shape ``after``.

    "scale": each number times its ``weight`` and with its ``bias``, arrays of that shape. "convolution": as
    ``block`` has it, with ``weight`` [height, width, channels, features] and ``bias`` [features]. "dense": ``weight``
    [inputs, features] and ``bias`` [features]. "mean": of each channel, the last axis. "softmax" and "sigmoid" (each
    number's, over their sum) make probabilities. "table": a row as ``table`` has it, with all that is learned in
    ``weight`` [parameters]. Behind any of them an activation, and of a block behind its pool.

    What a step makes ``aside`` waits for the next "add", and the step behind it reads what this one read ("copy": just
    that): around a shortcut.
    """

    kind: Kind
    before: tuple[int, ...]
    after: tuple[int, ...]
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    activation: str = "linear"
    block: Block = Block()
    table: Table = Table(0)
    aside: bool = False


class _Step(ctypes.Structure):
    """A step as native/feedforward.cc reads it."""

    _fields_: ClassVar = [
        ("kind", ctypes.c_int64),
        ("activation", ctypes.c_int64),
        ("finite", ctypes.c_int64),
        ("aside", ctypes.c_int64),
        ("before", ctypes.c_int64),
        ("after", ctypes.c_int64),
        ("weight", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("turned", ctypes.c_void_p),
        ("table", ctypes.c_void_p),
        ("words", ctypes.c_int64),
        ("window", ctypes.c_int64 * 13),
        ("pool", ctypes.c_int64 * 6),
    ]


_ARGUMENTS = (
    ctypes.c_void_p,  # the steps, and how many
    ctypes.c_int64,
    ctypes.c_void_p,  # the inputs, how many, and whether they are bytes
    ctypes.c_int64,
    ctypes.c_int32,
    ctypes.c_void_p,  # the answers
    ctypes.c_int64,  # threads
)


class Feedforward:
    """The steps of a network, one after the other, on so many threads; the same to the bit whatever their number.

    Called with inputs [n, ...], float32, or uint8 where the first step is a scale, it gives float32 [n, ...]; other
    numbers become float32. ShapeError for inputs of another shape; LaminaError where there is no library.

    >>> step = Step("dense", (2,), (1,), np.ones((2, 1), np.float32), np.zeros(1, np.float32))
    >>> Feedforward([step])(np.array([[1.0, 2.0]])).tolist() if native.usable() else [[3.0]]
    [[3.0]]
    """

    def __init__(self, steps: Sequence[Step], threads: int = 1) -> None:
        self.shape, self._after = steps[0].before, steps[-1].after
        self._bytes = steps[0].kind == "scale"
        self._function = native.function("feedforward", _ARGUMENTS)
        self._kept = [
            (_floats(step.weight), _floats(step.bias), np.array(step.table.words(), np.int64)) for step in steps
        ]
        given = (_as_read(step, *arrays) for step, arrays in zip(steps, self._kept, strict=True))
        self._steps = (_Step * len(steps))(*given)
        self._turned = [_turned(step) for step in self._steps]
        self._count, self._threads = len(steps), threads

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """What the last step makes of the inputs."""
        number = inputs.shape[0] if inputs.ndim else 0
        if inputs.shape[1:] != self.shape:
            raise ShapeError(
                f"A network was given inputs {list(inputs.shape)}.", expected=f"[n, {', '.join(map(str, self.shape))}]."
            )
        in_bytes = self._bytes and inputs.dtype == np.uint8
        inputs = np.ascontiguousarray(inputs, None if in_bytes else np.float32)
        answers = np.empty((number, *self._after), np.float32)
        pointers = _address(inputs), _address(answers)
        if self._function(self._steps, self._count, pointers[0], number, in_bytes, pointers[1], self._threads):
            raise MemoryError("There is no memory for what lies between a network's layers.")
        return answers


_Nothing = ctypes.c_char * 0


def _address(array: np.ndarray) -> int:
    """Where it begins: NumPy's own way takes a microsecond longer, but a read-only array allows no other."""
    return ctypes.addressof(_Nothing.from_buffer(array.data)) if array.flags.writeable else array.ctypes.data


def _floats(array: np.ndarray | None) -> np.ndarray:
    """As the library reads it; nothing where there is none."""
    return aligned(np.asarray(np.zeros(0) if array is None else array, np.float32))


def _as_read(step: Step, weight: np.ndarray, bias: np.ndarray, words: np.ndarray) -> _Step:
    """A step whose weights, and words of its table, lie at these places; ShapeError where they don't fit."""
    if not _fits(step, weight, bias):
        given = f"{list(weight.shape)}, {list(bias.shape)} from {list(step.before)} to {list(step.after)}"
        raise ShapeError(f"The step {step.kind} was given weights {given}.", expected="Shapes that agree (see Step).")
    read = _Step(
        KINDS.index(step.kind), ACTIVATIONS.index(step.activation), bool(np.isfinite(weight).all()), step.aside
    )
    read.before, read.after = math.prod(step.before), math.prod(step.after)
    read.weight, read.bias = weight.ctypes.data, bias.ctypes.data
    read.table, read.words = words.ctypes.data, words.size
    if step.kind == "convolution":
        size = (1, *step.before)
        work = geometry(size, weight.shape, step.block)
        read.window[:] = (*size, *weight.shape[:2], weight.shape[3], *work["geometry"])
        read.pool[:] = work["pooling"]
    return read


def _turned(step: _Step) -> np.ndarray | None:
    """The step's kernels turned for its tiles, once and not with each question, and the step that knows of them."""
    function = native.function("turned_kernels", (ctypes.c_void_p, ctypes.c_void_p))
    size = function(ctypes.byref(step), None)
    if not size:
        return None
    turned = aligned(np.empty(size, np.float32))
    function(ctypes.byref(step), turned.ctypes.data)
    step.turned = turned.ctypes.data
    return turned


def _fits(step: Step, weight: np.ndarray, bias: np.ndarray) -> bool:
    match step.kind:
        case "scale":
            return step.before == step.after == weight.shape == bias.shape
        case "dense":
            return weight.shape == step.before + step.after and bias.shape == step.after
        case "convolution":
            if len(step.before) != 3 or weight.ndim != 4 or not has_native_form(step.block):
                return False
            agree = weight.shape[2:] == (step.before[2], *bias.shape)
            return agree and block_shape((1, *step.before), weight.shape, step.block) == (1, *step.after)
        case "table":
            learned, features = step.table.learned(), step.table.features()
            agree = step.before == (step.table.width,) and len(step.after) == weight.ndim == 1
            return agree and side_by_side(learned, weight.size) and side_by_side(features, step.after[0])
        case "mean":
            return step.after == step.before[-1:]
        case _:
            return step.before == step.after
