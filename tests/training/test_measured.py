"""Plans are timed once, where there is a choice, and what was found is remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lamina.training import measured
from lamina.training.measured import candidates, choose, name
from lamina.training.plan import Plan

MAP = Plan("cpu", 2, "map", 7, 1, 1, threads=1)
THREADS = Plan("cpu", 1, "threads", 7, 1, 1)
GPU = Plan("gpu", 1, "vmap", 7, 1, 1)
Clock = Callable[[Plan], float]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def asked() -> list[str]:
    """The plans that were timed."""
    return []


@pytest.fixture
def clock(asked: list[str]) -> Callable[..., Clock]:
    """A clock on which plans take what a test says, in seconds by their names."""

    def of(**seconds: float) -> Clock:
        def rehearse(plan: Plan) -> float:
            asked.append(name(plan))
            return seconds[plan.mode]

        return rehearse

    return of


def test_the_faster_is_chosen_and_says_what_was_measured(clock: Callable[..., Clock]) -> None:
    chosen = choose([MAP, THREADS], {}, clock(map=0.004, threads=0.002))
    assert chosen == THREADS
    assert chosen.why == "measured here: 2 ms a member's step (map 4)"


def test_a_little_faster_is_not_worth_another_plan(clock: Callable[..., Clock]) -> None:
    assert choose([MAP, THREADS], {}, clock(map=0.004, threads=0.0038)) == MAP


def test_a_shape_is_measured_once(clock: Callable[..., Clock], asked: list[str]) -> None:
    first = choose([MAP, THREADS], {"shape": [8]}, clock(map=0.004, threads=0.002))
    again = choose([MAP, THREADS], {"shape": [8]}, clock(map=9.0, threads=10.0))
    assert again.to_json() == first.to_json()
    assert asked == ["map", "threads"]
    choose([MAP, THREADS], {"shape": [9]}, clock(map=0.004, threads=0.002))
    assert len(asked) == 4


def test_where_there_is_no_choice_nothing_is_measured(clock: Callable[..., Clock], asked: list[str]) -> None:
    assert choose([MAP], {}, clock()) is MAP
    assert asked == []


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"seconds": {"map": "soon", "threads": 1}}', '{"seconds": {'])
def test_a_memory_that_is_torn_is_written_anew(content: str, clock: Callable[..., Clock], tmp_path: Path) -> None:
    choose([MAP, THREADS], {}, clock(map=0.004, threads=0.002))
    (file,) = (tmp_path / "lamina" / "plans").iterdir()
    file.write_text(content)
    assert choose([MAP, THREADS], {}, clock(map=0.002, threads=0.004)) == MAP
    assert measured.recall(file, [MAP, THREADS]) == {"map": 0.002, "threads": 0.004}


def test_a_cache_that_cannot_be_written_is_done_without(clock: Callable[..., Clock], tmp_path: Path) -> None:
    (tmp_path / "lamina").write_text("not a folder")
    assert choose([MAP, THREADS], {}, clock(map=0.004, threads=0.002)) == THREADS


@pytest.mark.parametrize(
    ("plan", "members", "cores", "modes"),
    [
        (THREADS, 1, 2, ["threads"]),
        (MAP, 2, 2, ["map"]),
        (MAP, 3, 2, ["map", "threads"]),
        (MAP, 63, 2, ["map"]),
        (Plan("cpu", 3, "map", 7, 1, 1, threads=2), 3, 8, ["map", "threads"]),
        (Plan("cpu", 1, "map", 7, 1, 1), 1, 1, ["map"]),
    ],
)
def test_cores_left_idle_are_worth_a_measurement(plan: Plan, members: int, cores: int, modes: list[str]) -> None:
    assert [of.mode for of in candidates(plan, members=members, cores=cores, native=False, step=1e6)] == modes


def test_native_kernels_are_held_against_the_others() -> None:
    likely = candidates(THREADS, members=1, cores=2, native=True, step=1e6)
    assert [name(of) for of in likely] == ["threads", "threads, no native kernels"]


@pytest.mark.parametrize(
    ("members", "step", "names"),
    [
        (1, 1e6, ["vmap"]),
        (1000, 1e6, ["vmap", "map"]),  # a thousand small steps don't fill the device
        (1000, 1e8, ["vmap", "vmap 32", "map"]),
        (1000, 1e11, ["vmap", "map"]),
    ],
)
def test_a_gpu_is_tried_with_all_with_enough_and_with_one(members: int, step: float, names: list[str]) -> None:
    assert [name(of) for of in candidates(GPU, members=members, cores=1, native=False, step=step)] == names


def test_candidates_differ_in_nothing_that_a_resumed_run_would_notice() -> None:
    likely = candidates(MAP, members=3, cores=2, native=True, step=1e6)
    assert {(of.steps, of.pieces, of.segments) for of in likely} == {(7, 1, 1)}
