"""The plan is a function of counts."""

from __future__ import annotations

import os

import pytest

from lamina.errors import OptionError
from lamina.training.allowance import cores
from lamina.training.device import prepare
from lamina.training.plan import Plan, make_plan


def plan(**changes: int) -> Plan:
    counts = {"members": 8, "rows": 1000, "batch_size": 32, "multiply_adds": 10_000, "devices": 2} | changes
    return make_plan(platform="cpu", **counts)


def test_every_row_of_an_epoch_has_its_place() -> None:
    for rows, batch, work in ((1, 1, 1), (1000, 32, 10_000), (48_000, 64, 5_000_000), (999, 1000, 10**9)):
        made = plan(rows=rows, batch_size=batch, multiply_adds=work)
        assert made.pieces * made.steps * batch >= rows
        assert (made.pieces - 1) * made.steps * batch < rows or made.pieces == 1


def test_a_small_epoch_shares_a_chunk_and_a_large_one_fills_several() -> None:
    assert plan(rows=200).segments > 1
    assert plan(rows=200).pieces == 1
    large = plan(members=1, rows=50_000, multiply_adds=5_000_000)
    assert large.segments == 1
    assert large.pieces > 10


def test_a_lone_member_has_one_device() -> None:
    assert plan(members=1).devices == 1
    assert plan(members=3).devices == 2


def test_the_plan_knows_no_epochs_and_no_clock() -> None:
    assert plan() == plan()
    assert hash(plan()) == hash(plan())


def test_the_cores_of_this_process() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_no_threads_and_no_such_device_are_refused() -> None:
    with pytest.raises(OptionError, match="number of threads is 0"):
        prepare(threads=0)
    with pytest.raises(OptionError, match="no device 'tpu-of-tomorrow'"):
        prepare("tpu-of-tomorrow")
