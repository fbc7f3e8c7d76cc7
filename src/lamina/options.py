"""What a person types after an option, as the value it means: ranges, durations, sizes, lists, columns' kinds.

Only the form is judged here. Whether a number makes sense is judged where it is used: Python gets the same answer.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable

from lamina.errors import OptionError

STEPS_OF_A_RANGE = 8
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def numbers(texts: Iterable[str], option: str) -> tuple[float, ...]:
    """Each number that is named: one, several with commas between, or a range of 8 evenly spaced in their logarithm.

    >>> numbers(["0.001, 0.003"], "--learning-rate")
    (0.001, 0.003)
    >>> numbers(["1e-4:1e-2"], "--learning-rate")[::7]
    (0.0001, 0.01)
    """
    return tuple(number for text in texts for part in text.split(",") for number in _numbers(part.strip(), option))


def _numbers(text: str, option: str) -> tuple[float, ...]:
    ends = [_number(end, text, option) for end in re.split(r"\.\.|:", text)]
    if len(ends) == 1:
        return (ends[0],)
    if len(ends) > 2 or not 0 < ends[0] < ends[1] < math.inf:
        raise OptionError(
            f"{option} {text} is no range.",
            expected="A range goes from a smaller to a larger number, both above 0.",
            mend=f"{option} 1e-4..1e-2",
        )
    low, high = ends
    steps = (low * (high / low) ** (step / (STEPS_OF_A_RANGE - 1)) for step in range(STEPS_OF_A_RANGE))
    return tuple(float(f"{number:.4g}") for number in steps)


def _number(end: str, text: str, option: str) -> float:
    try:
        return float(end)
    except ValueError:
        raise OptionError(
            f"{option} {text} is no number.",
            expected="A number, several with commas between, or a range.",
            mend=f"{option} 0.001   or   {option} 0.001,0.003   or   {option} 1e-4..1e-2",
        ) from None


def seconds(text: str | None, option: str) -> float | None:
    """A duration in seconds: "90", "90s", "10m", "1.5h"; None stays None.

    >>> seconds("10m", "--time-limit")
    600.0
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*([-+.\deE]+?|nan|inf)\s*(s|m|min|h)?\s*", text)
    try:
        return float(match[1]) * _SECONDS[match[2] or ""] if match else _no_duration(text, option)
    except ValueError:
        return _no_duration(text, option)


def _no_duration(text: str, option: str) -> float:
    raise OptionError(
        f"{option} {text} is no duration.",
        expected="A number of seconds, or a number with s, m or h.",
        mend=f"{option} 90   or   {option} 10m",
    )


def size(text: str | None, option: str) -> tuple[int, int] | None:
    """An image's height and width in pixels: "64" is square, "48x64" is 48 high and 64 wide.

    >>> size("64", "--image-size"), size("48x64", "--image-size")
    ((64, 64), (48, 64))
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)(?:\s*[xX×]\s*(\d+))?", text.strip())
    if not match or int(match[1]) == 0 or int(match[2] or 1) == 0:
        raise OptionError(
            f"{option} {text} is no size.",
            expected="A side in pixels, or HEIGHTxWIDTH.",
            mend=f"{option} 64   or   {option} 48x64",
        )
    return int(match[1]), int(match[2] or match[1])


def names(texts: Iterable[str]) -> tuple[str, ...]:
    """Names with commas between, a name with a comma in quotes; an empty list of none.

    >>> names(["age,fare", '"sex, as told"'])
    ('age', 'fare', 'sex, as told')
    """
    found = next(iter(csv.reader([",".join(texts)], skipinitialspace=True)), [])
    return tuple(name.strip() for name in found if name.strip())


def kinds(texts: Iterable[str], option: str) -> dict[str, str]:
    """Columns and the kind that each is said to be.

    >>> kinds(["zip=category, age=number"], "--types")
    {'zip': 'category', 'age': 'number'}
    """
    return dict(_kind(entry, option) for entry in names(texts))


def _kind(entry: str, option: str) -> tuple[str, str]:
    column, equals, kind = entry.rpartition("=")
    if not equals or not column.strip() or not kind.strip():
        raise OptionError(
            f"{option} {entry} names no column and kind.",
            expected="COLUMN=KIND, several with commas between.",
            mend=f"{option} {column.strip() or kind.strip() or 'zip'}=category",
        )
    return column.strip(), kind.strip().lower()
