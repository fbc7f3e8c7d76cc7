"""Room: whether an array fits into the memory that is left, asked before it is made."""

from __future__ import annotations

import math

from lamina.allowance import free_memory
from lamina.errors import DataError

SHARE = 0.5  # of what is left, for one copy: training takes more
NUMBER = 4  # bytes


def check_room(shape: tuple[int, ...], what: str, longest: str) -> None:
    """Raise DataError where float32 of this shape takes more than half of what is left.

    >>> check_room((10, 10**15, 1), "The series of long.ts", "line 7 is the longest")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    lamina.errors.DataError: The series of long.ts take ...
    """
    free, needed = free_memory(), math.prod(shape) * NUMBER
    if free is None or needed <= SHARE * free:
        return
    sides = " x ".join(f"{side:,}" for side in shape)
    raise DataError(
        f"{what} take {_size(needed)} ({sides} numbers), and {_size(free)} are free.",
        expected=f"At most {_size(SHARE * free)}: series x steps of the longest x channels x {NUMBER} bytes.",
        mend=f"Cut the longest series or leave them out ({longest}), take every second step, or --drop channels.",
    )


def _size(count: float) -> str:
    """Bytes for people.

    >>> _size(2.5e9), _size(300_000)
    ('2.5 GB', '0.3 MB')
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
