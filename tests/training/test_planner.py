"""The planner puts counts, memory and clock together; a population in waves is the population in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from lamina import answer
from lamina.data.examples import Reading
from lamina.errors import OptionError, TooLargeError
from lamina.network import Dense, Sequential, complete
from lamina.settings import Place, Settings
from lamina.training import measured, memory
from lamina.training import run as runs
from lamina.training.loop import Loop
from lamina.training.plan import Plan
from lamina.training.planner import Planner
from lamina.training.population import Ended, gather
from lamina.training.recipe import Member, Program, Recipe
from lamina.training.run import RunFolder
from lamina.views.curves import curves_view
from lamina.views.record import Record
from lamina.work import Work

ROWS, WIDTH = 64, 3
Make = Callable[..., Planner]


@pytest.fixture
def make() -> Make:
    """A planner of a small dense population on some number of cores."""

    def planner(
        members: int = 8, *, cores: int = 2, mode: Any = None, optimizer: str = "adamw", platform: str = "cpu"
    ) -> Planner:
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(ROWS, WIDTH)).astype(np.float32), rng.integers(0, 2, ROWS)
        rows = [np.arange(48)]
        data = gather([x], y, train=rows, validation=[np.arange(48, ROWS)])
        network = complete(Sequential([Dense(8)]), (WIDTH,), 2, kind="table", columns=(WIDTH, ()))
        each = [Member(Recipe(learning_rate=0.01, epochs=4, seed=seed)) for seed in range(members)]
        program = Program("cross entropy", optimizer, batch_size=16)
        return Planner(network, program, each, "classification", data, rows, (platform, cores), mode)

    return planner


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes so many bytes free for members and data."""
    return lambda size: monkeypatch.setattr(memory, "free_memory", lambda: size + memory.COMPILING)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_what_a_member_holds_is_counted_to_the_byte(make: Make, optimizer: str) -> None:
    planner = make(4, optimizer=optimizer, cores=1)
    plan = planner.plan()
    moving = planner.populate(plan, planner.members).moving
    assert 4 * planner._moving(plan) == sum(leaf.nbytes for leaf in jax.tree.leaves(moving))


def test_the_estimate_is_above_what_xla_asks_for_and_not_far(make: Make) -> None:
    planner = make(6, cores=1)
    plan = planner.plan()
    population = planner.populate(plan, planner.members)
    batches, ends, _ = population._next_batches(4)
    arguments = (population.moving, population.fixed, batches, population.data, ends)
    found = population.compiled.advance.lower(*arguments).compile().memory_analysis()
    moving = sum(leaf.nbytes for leaf in jax.tree.leaves(population.moving))
    asked = found.temp_size_in_bytes + found.argument_size_in_bytes
    assert asked < planner.needed(plan).total(6, 1) < 3 * asked + 2 * moving


def test_a_short_training_is_not_measured(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Planner, "_rehearse", None)
    assert make(3).plan().why == ""


def test_a_long_one_is_and_what_is_asked_for_is_not(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measured, "PAYS_FROM", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    took = {"map": 2e-3, "threads": 1e-3}
    monkeypatch.setattr(Planner, "_rehearse", lambda _, plan: took[plan.mode])
    plan = make(3).plan()
    assert (plan.mode, plan.devices) == ("threads", 1)
    assert plan.why.startswith("measured here: 1 ms a member's step")
    assert make(3, mode="map").plan().why == ""
    assert make(4).plan().mode == "map"  # another shape: nothing was remembered of it, and all cores are busy


def test_a_rehearsal_is_timed_on_the_population_itself(make: Make) -> None:
    planner = make(2, cores=1)
    assert 0 < planner._rehearse(planner.plan()) < 10


@pytest.mark.slow
def test_waves_equal_the_population_in_one_go_to_the_bit(make: Make, room: Callable[[int], None]) -> None:
    planner = make(7)
    whole_plan = planner.plan()
    needed = planner.needed(whole_plan)
    room(int((needed.total(4, 2) + 7 * needed.best) / memory.SHARE) + 1)  # for half the population
    plan = planner.plan()
    assert whole_plan.wave == 0
    assert plan.wave == 4
    whole = finish(planner, whole_plan, planner.members)
    first, second = (finish(planner, plan, planner.members[at : at + 4]) for at in (0, 4))
    np.testing.assert_array_equal(np.concatenate([first.parameters, second.parameters]), whole.parameters)
    assert [*first.results, *second.results] == list(whole.results)


def finish(planner: Planner, plan: Plan, members: Sequence[Member]) -> Ended:
    population = planner.populate(plan, members)
    while population.running:
        population.advance()
    return population.ended()


def test_a_gpu_has_all_members_side_by_side_or_as_many_as_fit(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = make(100, cores=1, platform="gpu")
    monkeypatch.setattr(memory, "free_on", lambda platform: 2**40)
    plan = planner.plan()
    assert (plan.mode, plan.devices, plan.together, plan.wave, plan.forms) == ("vmap", 1, 0, 0, "jax")
    needed = planner.needed(plan)
    room = int(needed.total(100, 40) / memory.SHARE) + 1
    monkeypatch.setattr(memory, "free_on", lambda platform: room)
    assert (planner.plan().together, planner.plan().wave) == (32, 0)


def test_one_member_that_is_too_large_is_refused(make: Make, room: Callable[[int], None]) -> None:
    room(10_000)
    with pytest.raises(TooLargeError, match=r"and 0\.0 MiB are free"):
        make(8).plan()


# --- a run in waves, from the file to the curves ----------------------------------------------------------------------


def begin(place: Place) -> tuple[Work, RunFolder]:
    """Twenty members on the penguins, and their run's folder."""
    settings = Settings(epochs=2, learning_rates=(0.01,), repeats=1)
    work = answer.begin("sample:penguins", settings, Reading(target="species"), place, lambda _: None)
    folder = runs.create(place.runs, place.name, "penguins")
    folder.write(work.facts(folder.name, parent=None))
    return work, folder


@pytest.mark.slow
def test_a_run_in_waves_says_so_stops_and_resumes(tmp_path: Path, room: Callable[[int], None]) -> None:
    work, folder = begin(Place(tmp_path, "whole"))
    plans = work.plans()
    whole = Loop(folder, lambda _: None).run(work.groups(plans))
    assert whole is not None

    needed = work.planner(0).needed(plans[0])
    room(int((needed.total(10, plans[0].devices) + 20 * needed.best) / memory.SHARE) + 1)
    work, folder = begin(Place(tmp_path, "waves"))
    told: list[str] = []
    plans = work.plans(tell=lambda progress: told.append(progress.text))
    assert "10 members train at once, as memory allows no more" in told[0]
    assert [group.name for group in work.groups(plans)] == ["wave 1 of 2", "wave 2 of 2"]

    stopping = Loop(folder, lambda progress: "wave 2 of 2, epoch 1" not in progress.text)
    assert stopping.run(work.groups(plans)) is None
    room(2**40)
    known = {"0": plans[0].to_json()}
    resumed = Loop(folder, lambda _: None).run(work.groups(work.plans(known)), resuming=True)
    assert resumed is not None
    parameters = np.concatenate([wave.parameters for wave in resumed])
    np.testing.assert_array_equal(parameters, whole[0].parameters)
    assert [result for wave in resumed for result in wave.results] == list(whole[0].results)

    assert [(line["group"], line["epoch"]) for line in folder.history()] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    curves = curves_view(Record(folder.read(), tuple(folder.history())))
    assert sorted(member["id"] for member in curves["members"]) == list(range(20))
    assert all(len(member["curves"]["loss"]["validation"]) == 2 for member in curves["members"])


def test_another_plan_beside_resume_is_refused(tmp_path: Path) -> None:
    begin(Place(tmp_path, "short"))
    with pytest.raises(OptionError, match="goes on under the run's own plan"):
        answer.resume("short", place=Place(runs=tmp_path, plan="vmap"))
