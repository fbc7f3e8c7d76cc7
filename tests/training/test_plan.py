"""The plan is a function of counts."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.errors import OptionError
from lamina.training.device import prepare
from lamina.training.plan import Plan, check_mode, epoch_seconds, make_plan, refit


def plan(**changes: Any) -> Plan:
    counts = {
        "members": 8,
        "rows": 1000,
        "batch_size": 32,
        "multiply_adds": 10_000,
        "platform": "cpu",
        "devices": 2,
    }
    return make_plan(**{**counts, **changes})


def test_every_row_of_an_epoch_has_its_place() -> None:
    for rows, batch, work in ((1, 1, 1), (1000, 32, 10_000), (48_000, 64, 5_000_000), (999, 1000, 10**9)):
        made = plan(rows=rows, batch_size=batch, multiply_adds=work)
        assert made.pieces * made.steps * batch >= rows
        assert (made.pieces - 1) * made.steps * batch < rows or made.pieces == 1


def test_a_small_epoch_shares_a_chunk_and_a_large_one_fills_several() -> None:
    assert plan(rows=200).segments > 1
    assert plan(rows=200).pieces == 1
    large = plan(members=1, rows=50_000, multiply_adds=8_000_000)
    assert large.segments == 1
    assert large.pieces > 10


@pytest.mark.parametrize(
    ("members", "cores", "devices", "mode", "threads"),
    [
        (1, 1, 1, "map", 1),
        (1, 2, 1, "threads", 0),
        (2, 2, 2, "map", 1),
        (3, 2, 2, "map", 1),
        (3, 8, 3, "map", 2),
        (100, 8, 8, "map", 1),
    ],
)
def test_members_are_spread_over_the_cores(members: int, cores: int, devices: int, mode: str, threads: int) -> None:
    made = plan(members=members, devices=cores)
    assert (made.devices, made.mode, made.threads) == (devices, mode, threads)


def test_members_go_side_by_side_on_a_gpu() -> None:
    made = plan(members=1000, platform="gpu", devices=1)
    assert (made.devices, made.mode, made.together, made.at_work(1000)) == (1, "vmap", 0, 1000)


@pytest.mark.parametrize("mode", ["map", "vmap", "threads"])
def test_what_is_asked_for_is_taken(mode: Any) -> None:
    made = plan(mode=mode)
    assert made.mode == mode
    assert made.devices == (1 if mode == "threads" else 2)


@pytest.mark.parametrize(
    ("made", "members", "at_work", "stride"),
    [
        (Plan("cpu", 4, "map", 1, 1, 1), 9, 4, 4),
        (Plan("cpu", 4, "map", 1, 1, 1), 3, 3, 4),
        (Plan("cpu", 1, "threads", 1, 1, 1), 9, 1, 1),
        (Plan("gpu", 1, "vmap", 1, 1, 1), 9, 9, 1),
        (Plan("gpu", 1, "vmap", 1, 1, 1, together=4), 9, 4, 4),
        (Plan("cpu", 2, "vmap", 1, 1, 1), 9, 9, 2),
    ],
)
def test_how_many_members_are_at_work(made: Plan, members: int, at_work: int, stride: int) -> None:
    assert (made.at_work(members), made.stride) == (at_work, stride)


def test_twice_the_members_take_twice_as_long_and_twice_the_cores_half() -> None:
    one = epoch_seconds(Plan("cpu", 1, "map", 32, 1, 1), 8, 1000, 32, 10_000)
    assert epoch_seconds(Plan("cpu", 1, "map", 32, 1, 1), 16, 1000, 32, 10_000) == pytest.approx(2 * one)
    assert epoch_seconds(Plan("cpu", 2, "map", 32, 1, 1), 8, 1000, 32, 10_000) == pytest.approx(one / 2)


def test_the_plan_knows_no_epochs_and_no_clock() -> None:
    assert plan() == plan()
    assert hash(plan()) == hash(plan())


def test_why_it_was_chosen_is_no_part_of_what_is_compiled() -> None:
    measured = Plan("cpu", 1, "threads", 1, 1, 1, why="measured here")
    assert measured == Plan("cpu", 1, "threads", 1, 1, 1)
    assert measured.sentence().endswith("; measured here")


def test_a_plan_goes_through_json_and_an_older_one_too() -> None:
    made = Plan("gpu", 1, "vmap", 9, 1, 2, together=16, forms="jax", wave=32, why="measured here")
    assert Plan.from_json(made.to_json()).to_json() == made.to_json()
    older = {"platform": "cpu", "devices": 2, "mode": "map", "steps": 9, "pieces": 1, "segments": 16}
    assert Plan.from_json(older) == Plan("cpu", 2, "map", 9, 1, 16)


def test_a_run_moves_to_fewer_cores_and_to_another_platform() -> None:
    made = Plan("cpu", 4, "map", 9, 3, 1, threads=1, wave=8)
    assert refit(made, "cpu", 4, native=True) is made
    assert refit(made, "cpu", 8, native=True) is made
    fewer = refit(made, "cpu", 2, native=True)
    assert (fewer.devices, fewer.mode, fewer.steps, fewer.pieces, fewer.wave) == (2, "map", 9, 3, 8)
    moved = refit(Plan("gpu", 1, "vmap", 9, 3, 1, together=16), "cpu", 2, native=True)
    assert (moved.platform, moved.devices, moved.mode, moved.together) == ("cpu", 2, "map", 0)
    assert (moved.steps, moved.pieces) == (9, 3)
    assert "begun on a gpu" in moved.sentence()


def test_a_run_without_its_kernels_says_so() -> None:
    made = Plan("cpu", 2, "map", 9, 1, 1)
    without = refit(made, "cpu", 2, native=False)
    assert without.forms == "jax"
    assert "begun with native kernels" in without.sentence()


def test_no_threads_no_such_device_and_no_such_plan_are_refused() -> None:
    with pytest.raises(OptionError, match="number of threads is 0"):
        prepare(threads=0)
    with pytest.raises(OptionError, match="no device 'tpu-of-tomorrow'"):
        prepare("tpu-of-tomorrow")
    with pytest.raises(OptionError, match="no plan 'pmap'"):
        check_mode("pmap")
    with pytest.raises(OptionError, match="for a CPU, and this trains on a gpu"):
        check_mode("threads", "gpu")
    for mode in (None, "map", "vmap"):
        check_mode(mode, "gpu")
