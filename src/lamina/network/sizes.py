"""The sizes of windows: kernels, strides, dilations and padding of convolution and pooling, checked and resolved.

A size is one whole number, the same along every axis, or one for each axis.
"""

from __future__ import annotations

from typing import Literal

from lamina.errors import OptionError, ShapeError
from lamina.kernels.conv2d import Pair, Window
from lamina.network.layer import Shape

Size = int | tuple[int, ...]
Padding = Literal["same", "valid"] | int
Ends = Padding | Literal["causal"]


def checked_size(layer: str, what: str, value: int, *, least: int = 1) -> int:
    """``value``, if it is a whole number from ``least``; OptionError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise OptionError(
            f"{layer}: {what} is {value!r}.", expected=f"A whole number from {least}.", mend=f"{what}={least}"
        )
    return value


def tidy_size(layer: str, what: str, value: Size) -> Size:
    """A size checked, with equal numbers made one, so that (3, 3) and 3 are the same layer.

    >>> tidy_size("conv", "kernel", (3, 3)), tidy_size("conv", "kernel", (3, 1))
    (3, (3, 1))
    """
    if isinstance(value, int):
        return checked_size(layer, what, value)
    each = tuple(checked_size(layer, what, v) for v in value)
    if not each:
        raise OptionError(f"{layer}: {what} has no numbers.", expected="One or two.", mend=f"{what}=3")
    return each[0] if len(set(each)) == 1 else each


def checked_padding(layer: str, value: Padding) -> Padding:
    """``value``, if it is "same", "valid" or a whole number from 0."""
    if value in ("same", "valid"):
        return value
    if isinstance(value, str):
        raise OptionError(f"{layer}: padding is {value!r}.", expected='"same", "valid" or a whole number.', mend="same")
    return checked_size(layer, "padding", value, least=0)


def along(layer: str, what: str, value: Size, axes: int) -> tuple[int, ...]:
    """A size for each of ``axes`` axes.

    >>> along("conv", "kernel", 3, 2)
    (3, 3)
    """
    if isinstance(value, int):
        return (value,) * axes
    if len(value) != axes:
        text = "x".join(map(str, value))
        raise ShapeError(f"{layer}: {what} {text} has {len(value)} sizes and the input {axes} axes to move along.")
    return value


def pads(size: int, window: int, stride: int, padding: Ends, *, timed: bool = False) -> tuple[int, int]:
    """How much is added before and after an axis. "same" keeps ceil(size / stride) places, the odd one after.

    Along time what "same" adds before doesn't depend on the size, so that a step's place in its window doesn't.
    "causal" keeps as many places and adds before only.

    >>> pads(28, 3, 1, "same"), pads(28, 2, 2, "same"), pads(7, 3, 2, "valid"), pads(7, 3, 2, 1)
    ((1, 1), (0, 0), (0, 0), (1, 1))
    >>> pads(8, 3, 2, "same"), pads(8, 3, 2, "same", timed=True), pads(8, 3, 2, "causal")
    ((0, 1), (1, 0), (2, 0))
    """
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return window - 1, 0
    if isinstance(padding, int):
        return padding, padding
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    before = (window - 1) // 2 if timed else total // 2
    return before, max(total - before, 0)


def first_of(size: Size) -> int:
    """A size along the first axis.

    >>> first_of(3), first_of((5, 3))
    (3, 5)
    """
    return size if isinstance(size, int) else size[0]


def as_pair(values: tuple[int, ...]) -> Pair:
    """One or two sizes as two: a sequence is a picture of one row.

    >>> as_pair((3,)), as_pair((3, 5))
    ((1, 3), (3, 5))
    """
    return (values[0], values[1]) if len(values) == 2 else (1, values[0])


def as_window(
    sizes: Shape, spans: tuple[int, ...], strides: tuple[int, ...], padding: Ends, *, timed: bool = False
) -> Window:
    """How a window of these spans moves over these sizes, as the kernels take it; ``timed``: the first is of time."""
    axes = enumerate(zip(sizes, spans, strides, strict=True))
    each = [pads(n, span, s, padding, timed=timed and axis == 0) for axis, (n, span, s) in axes]
    return Window(as_pair(strides), (each[0], each[1]) if len(each) == 2 else ((0, 0), each[0]))


def window_text(size: Size) -> str:
    """A size as people write it.

    >>> window_text(3), window_text((5, 1))
    ('3', '5x1')
    """
    return str(size) if isinstance(size, int) else "x".join(map(str, size))


def places(size: int, window: int, stride: int, padding: Ends) -> int:
    """How many places a window has along an axis; 0 or less when it does not fit.

    >>> places(7, 2, 2, "valid"), places(28, 3, 1, "same")
    (3, 28)
    """
    return (size + sum(pads(size, window, stride, padding)) - window) // stride + 1


def moved(layer: str, shape: Shape, windows: tuple[int, ...], strides: tuple[int, ...], padding: Ends) -> Shape:
    """The places of a window along each axis but the last (channels); ShapeError where it does not fit."""
    sizes = tuple(places(n, k, s, padding) for n, k, s in zip(shape[:-1], windows, strides, strict=True))
    if min(sizes) < 1:
        window, given = "x".join(map(str, windows)), "x".join(map(str, shape[:-1]))
        raise ShapeError(
            f"{layer}: a window of {window} does not fit into {given}.",
            expected=f"An input of at least {window}.",
            mend=f"Leave this {layer} out, or pool less before it.",
        )
    return sizes


def moving_axes(layer: str, shape: Shape) -> int:
    """How many axes a window moves along: 1 for [time, channels], 2 for [height, width, channels]."""
    if len(shape) not in (2, 3):
        raise ShapeError(
            f"{layer} moves over pictures or sequences, and is given {named(shape)}.",
            expected="[height, width, channels] or [time, channels].",
            mend=f"Leave {layer} out: dense layers take features; put it before flatten and dense.",
        )
    return len(shape) - 1


def named(shape: Shape) -> str:
    """A shape in words.

    >>> named((28, 28, 1)), named((12,))
    ('[28, 28, 1]', '12 features')
    """
    return f"{shape[0]} features" if len(shape) == 1 else str(list(shape))
