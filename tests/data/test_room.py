"""What memory is left, from a file as Linux writes it, and where it isn't known."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.data import room
from lamina.errors import DataError


def test_half_of_what_the_machine_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    1000 kB\n")
    monkeypatch.setattr(room, "MEMINFO", tmp_path / "meminfo")
    assert room.free_memory() == 1_024_000
    room.check_room((128_000,), "They", "a")
    with pytest.raises(DataError, match=r"They take 0.5 MB \(128,001 numbers\), and 1.0 MB are free"):
        room.check_room((128_001,), "They", "a")


def test_where_the_system_does_not_say_everything_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MEMINFO", tmp_path / "nowhere")
    assert room.free_memory() is None
    room.check_room((10**15,), "They", "a")
