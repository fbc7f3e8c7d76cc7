"""Half of the memory that is left is room enough for an array, and where it isn't known everything fits."""

from __future__ import annotations

import pytest

from lamina.data import room
from lamina.errors import DataError


def test_half_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: 1_024_000)
    room.check_room((128_000,), "They", "a")
    with pytest.raises(DataError, match=r"They take 0.5 MB \(128,001 numbers\), and 1.0 MB are free"):
        room.check_room((128_001,), "They", "a")


def test_where_the_system_does_not_say_everything_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: None)
    room.check_room((10**15,), "They", "a")
