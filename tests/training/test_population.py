"""Populations: a member is what it is alone, whatever trains beside it, and everything between chunks is exact."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import pytest

from lamina.kernels import native
from lamina.kernels.alignment import aligned
from lamina.network import Activation, Concatenate, Dense, Dropout, Sequential, complete
from lamina.training import checkpoint, chunk
from lamina.training.order import orders
from lamina.training.plan import Plan
from lamina.training.population import (
    Population,
    dealt,
    epoch_lines,
    gather,
    on_devices,
    padded,
    populate,
)
from lamina.training.recipe import Member, Program, Recipe

ROWS, WIDTH = 70, 3
EPOCHS = Plan("cpu", 1, "map", 4, 1, 2)  # two whole epochs a chunk


def examples(kind: str = "classification") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, WIDTH)).astype(np.float32)
    signal = x[:, 0] + x[:, 1] ** 2
    return x, (signal > 0.7).astype(np.int32) if kind == "classification" else signal.astype(np.float64) * 10 + 50


@pytest.fixture
def make() -> Callable[..., Population]:
    """A population of the recipes given, each on one or two parts of 70 rows."""

    def population(
        *recipes: Recipe,
        kind: Any = "classification",
        parts: int = 1,
        plan: Plan = EPOCHS,
        layers: Sequence[Any] = (Dense(8), Dropout(0.2)),
        program: Program | None = None,
        x: np.ndarray | None = None,
    ) -> Population:
        inputs, targets = examples(kind)
        inputs = inputs if x is None else x
        network = complete(
            Sequential(layers), (WIDTH,), 2 if kind == "classification" else 1, kind="table", columns=(WIDTH, ())
        )
        rows = np.arange(ROWS)
        held = [rows[part::5] for part in range(parts)]
        train = [np.setdiff1d(rows, of) for of in held]
        loss = "cross entropy" if kind == "classification" else "squared"
        members = [Member(recipe, part) for part in range(parts) for recipe in recipes]
        data = gather([inputs], targets, train=train, validation=held)
        return populate(
            network, program or Program(loss, batch_size=16), members, task=kind, data=data, rows=train, plan=plan
        )

    return population


def finish(population: Population) -> Population:
    while population.running:
        population.advance()
    return population


def weights(population: Population, member: int = 0) -> np.ndarray:
    return np.asarray(population.moving.parameters)[member]


Make = Callable[..., Population]
STRAIGHT = (Activation("linear"),)  # nothing between the input and the head: arithmetic by hand
FEW = Recipe(learning_rate=0.01, epochs=4)


@pytest.mark.parametrize("others", [4, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 7))])
def test_a_member_in_a_population_equals_the_member_alone_to_the_bit(make: Make, others: int) -> None:
    alone = finish(make(FEW))
    beside = [Recipe(learning_rate=0.001 * (1 + k), epochs=4, seed=k) for k in range(others)]
    among = finish(make(*beside, FEW))
    np.testing.assert_array_equal(weights(among, others), weights(alone))
    np.testing.assert_array_equal(among.best(others)[0], alone.best(0)[0])


def test_the_place_of_a_member_changes_nothing(make: Make) -> None:
    other = Recipe(learning_rate=0.03, epochs=4, seed=1)
    np.testing.assert_array_equal(weights(finish(make(FEW, other)), 0), weights(finish(make(other, FEW)), 1))


def test_equal_seeds_are_a_paired_experiment(make: Make) -> None:
    population = make(FEW, Recipe(learning_rate=0.5, epochs=4), Recipe(learning_rate=0.01, epochs=4, seed=1))
    np.testing.assert_array_equal(weights(population, 0), weights(population, 1))
    assert not np.array_equal(weights(population, 0), weights(population, 2))


def test_other_numbers_compile_nothing(make: Make) -> None:
    finish(make(FEW, FEW))
    compiled: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None
    )
    try:
        rates = (("2.dropout.rate", 0.45),)
        other = Recipe(
            learning_rate=0.2,
            weight_decay=0.3,
            label_smoothing=0.1,
            epochs=7,
            patience=3,
            seed=9,
            clip_norm=1.0,
            rates=rates,
        )
        finish(make(other, FEW))
        finish(make(FEW, FEW, layers=(Dense(8), Dropout(0.6))))  # the rate written into the network
    finally:
        jax.monitoring.clear_event_listeners()
    assert compiled == []


def test_a_rate_of_the_recipe_is_the_networks(make: Make) -> None:
    said = finish(make(Recipe(learning_rate=0.01, epochs=2, rates=(("2.dropout.rate", 0.5),))))
    written = finish(make(Recipe(learning_rate=0.01, epochs=2), layers=(Dense(8), Dropout(0.5))))
    np.testing.assert_array_equal(weights(said), weights(written))


def test_resumed_equals_uninterrupted(make: Make, tmp_path: Any) -> None:
    recipes = (Recipe(learning_rate=0.01, epochs=9, patience=3), Recipe(learning_rate=0.3, epochs=5, seed=2))
    whole = finish(make(*recipes, parts=2))
    first = make(*recipes, parts=2)
    first.advance()
    first.advance(3)
    checkpoint.save(tmp_path / "c.safetensors", first)
    second = make(*recipes, parts=2)
    checkpoint.restore(tmp_path / "c.safetensors", second)
    assert second.position == first.position
    finish(second)
    for mine, theirs in zip(jax.tree.leaves(second.moving), jax.tree.leaves(whole.moving), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_pieces_of_an_epoch_are_the_epoch(make: Make) -> None:
    whole = finish(make(FEW, plan=EPOCHS))
    pieces = finish(make(FEW, plan=Plan("cpu", 1, "map", 2, 2, 1)))
    np.testing.assert_allclose(weights(pieces), weights(whole), rtol=1e-6)
    assert pieces.results() == whole.results()


def test_a_step_equals_torch(make: Make) -> None:
    torch = pytest.importorskip("torch")
    layers = (Dense(8, "tanh"),)
    population = make(
        Recipe(learning_rate=0.01, epochs=3), layers=layers, program=Program("cross entropy", "adam", "constant", 16)
    )
    start = population.compiled.layout.unpack(weights(population))
    finish(population)
    ours = population.compiled.layout.unpack(weights(population))
    names = list(start)
    assert [name.split(".")[-1] for name in names] == ["weight", "bias", "weight", "bias"]
    tensors = [torch.nn.Parameter(torch.tensor(np.array(start[name]))) for name in names]
    optimizer = torch.optim.Adam(tensors, lr=0.01)
    x, y = (torch.tensor(of) for of in examples())
    for epoch in range(3):
        (order,) = orders(population.rows[0], [0], 0, epoch)
        for at in range(0, len(order), 16):
            rows = torch.tensor(order[at : at + 16])
            hidden = torch.tanh(x[rows] @ tensors[0] + tensors[1])
            loss = torch.nn.functional.cross_entropy(hidden @ tensors[2] + tensors[3], y[rows].long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, tensor in zip(names, tensors, strict=True):
        np.testing.assert_allclose(ours[name], tensor.detach().numpy(), atol=2e-5)


def test_the_ragged_batch_weighs_its_rows(make: Make) -> None:
    """Sgd without momentum on a linear network: one epoch's loss is the mean over rows, the last 8 of 56 included."""
    program = Program("cross entropy", "sgd", "constant", 16)
    population = make(Recipe(learning_rate=1e-12, momentum=0.0, epochs=1), layers=STRAIGHT, program=program)
    start = population.compiled.layout.unpack(weights(population))
    measures = population.advance()
    x, y = examples()
    logits = x @ start["2.dense.weight"] + start["2.dense.bias"]
    each = np.log(np.exp(logits).sum(1)) - logits[np.arange(ROWS), y]
    assert measures["training_loss"][0, 0] == pytest.approx(each[population.rows[0]].mean(), rel=1e-5)
    assert measures["validation_loss"][0, 0] == pytest.approx(each[0::5].mean(), rel=1e-5)
    right = (logits.argmax(1) == y)[0::5].mean()
    assert measures["validation_correct"][0, 0] == pytest.approx(right, abs=1e-6)


def test_the_best_weights_are_those_of_the_best_epoch(make: Make) -> None:
    population = make(Recipe(learning_rate=0.2, epochs=12))
    seen = []
    while population.running:
        measures = population.advance(population.position.epoch + 1)
        seen.append((measures["validation_loss"][0, 0], weights(population)))
    best = int(np.argmin([loss for loss, _ in seen]))
    assert population.results()[0]["best_epoch"] == best + 1
    np.testing.assert_array_equal(population.best(0)[0], seen[best][1])


def test_patience_ends_a_member_and_not_the_others(make: Make) -> None:
    hasty, steady = Recipe(learning_rate=0.5, epochs=40, patience=2), Recipe(learning_rate=1e-4, epochs=40)
    results = finish(make(hasty, steady)).results()
    assert results[0]["state"] == "stopped early"
    assert results[0]["epochs"] == results[0]["best_epoch"] + 2
    assert results[1]["state"] == "done"
    assert results[1]["epochs"] == 40


@pytest.mark.slow
def test_a_member_that_diverges_stops_alone(make: Make) -> None:
    wild = Recipe(learning_rate=1e30, epochs=6)
    program = Program("squared", "sgd", "constant", 16)
    population = make(wild, Recipe(learning_rate=1e-3, epochs=6), kind="regression", program=program)
    lines = []
    while population.running:
        lines += list(epoch_lines(0, population, population.advance()))
    states = [result["state"] for result in population.results()]
    assert states == ["diverged", "done"]
    assert lines[0]["validation_loss"][0] is None
    assert all(line["validation_loss"][1] is not None for line in lines)


def test_regression_is_measured_in_the_targets_units(make: Make) -> None:
    population = make(Recipe(learning_rate=1e-12, epochs=1), kind="regression", layers=STRAIGHT)
    line = next(epoch_lines(0, population, population.advance()))
    _, targets = examples("regression")
    x, _ = examples()
    layout = population.compiled.layout.unpack(weights(population))
    train = population.rows[0]
    guess = (x @ layout["2.dense.weight"] + layout["2.dense.bias"])[:, 0] * targets[train].std() + targets[train].mean()
    off = (guess - targets)[0::5]
    assert line["validation_rmse"][0] == pytest.approx(np.sqrt((off**2).mean()), rel=1e-4)
    assert line["validation_mae"][0] == pytest.approx(np.abs(off).mean(), rel=1e-4)
    assert line["validation_r2"][0] == pytest.approx(1 - (off**2).mean() / targets[0::5].var(), rel=1e-4)


def test_silent_units_are_counted(make: Make) -> None:
    """Two of four inputs' worth of units can't fire: the rows are positive and their weights negative."""
    population = make(Recipe(learning_rate=1e-12, epochs=1), layers=(Dense(4),), x=np.abs(examples()[0]))
    layout = population.compiled.layout
    own = dict(layout.unpack(weights(population).copy()))
    own["1.dense.weight"] = np.abs(own["1.dense.weight"]) * np.array([1, -1, 1, -1], np.float32)
    flat = np.asarray(layout.pack({name: jax.numpy.asarray(of) for name, of in own.items()}))[None]
    population.moving = population.moving._replace(parameters=jax.numpy.asarray(flat))
    assert population.compiled.unit_paths == ("1.dense",)
    assert population.advance()["dead"][0, 0, 0] == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "lion"])
def test_native_updates_train_as_those_of_the_chain_do(make: Make, optimizer: str) -> None:
    """A network that is no chain of dense layers: what it learns, and how far its last step went."""
    layers = (Concatenate([Dense(8), Dense(4)]), Dense(3))
    recipe = Recipe(learning_rate=0.01, weight_decay=0.1, l2=0.01, clip_norm=0.5, epochs=2)
    program = Program("cross entropy", optimizer, batch_size=16)
    plans = [EPOCHS, dataclasses.replace(EPOCHS, forms="jax")]
    populations = [make(recipe, layers=layers, program=program, plan=plan) for plan in plans]
    native_, plain = (population.advance() for population in populations)
    np.testing.assert_allclose(*(weights(population) for population in populations), rtol=1e-4, atol=1e-5)
    for name in ("update_ratio", "gradient_norm", "training_loss", "validation_loss"):
        np.testing.assert_allclose(native_[name], plain[name], rtol=1e-3, err_msg=name)
    assert (native_["update_ratio"] > 0).all()


def test_update_ratio_is_the_last_steps(make: Make) -> None:
    program = Program("cross entropy", "sgd", "constant", 64)
    population = make(
        Recipe(learning_rate=0.1, momentum=0.0, epochs=1),
        layers=STRAIGHT,
        program=program,
        plan=Plan("cpu", 1, "map", 1, 1, 1),
    )
    before = weights(population).copy()
    measures = population.advance()
    after = weights(population)
    assert measures["update_ratio"][0, 0, 0] == pytest.approx(
        np.linalg.norm(after - before) / np.linalg.norm(before), rel=1e-4
    )
    assert measures["gradient_norm"][0, 0] == pytest.approx(np.linalg.norm(after - before) / 0.1, rel=1e-3)


def test_row_weights_are_as_if_rows_were_doubled() -> None:
    """One full batch of plain gradient descent with weight 2 on a row equals that row twice."""
    x, y = examples()
    network = complete(Sequential(STRAIGHT), (WIDTH,), 2, kind="table", columns=(WIDTH, ()))
    ends = []
    for rows, row_weights in (([0, 1, 2, 2], None), ([0, 1, 2], np.where(np.arange(ROWS) == 2, 2.0, 1.0))):
        train = [np.array(rows)]
        data = gather([x], y, train=train, validation=[np.arange(5)], weights=row_weights)
        member = Member(Recipe(learning_rate=0.1, momentum=0.0, epochs=1, warmup=0.0))
        program = Program("cross entropy", "sgd", "constant", 4)
        population = populate(
            network,
            program,
            [member],
            task="classification",
            data=data,
            rows=train,
            plan=Plan("cpu", 1, "map", 1, 1, 1),
        )
        ends.append(weights(finish(population)))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5)


@pytest.mark.usefixtures("no_transfers")
def test_a_chunk_moves_nothing_but_its_batches_and_measurements(make: Make) -> None:
    with jax.transfer_guard("allow"):
        population = make(FEW)
        batches, ends, _ = population._next_batches(4)
        arguments = jax.device_put((population.moving, population.fixed, batches, population.data, ends))
    population.compiled.advance(*arguments)


def test_all_of_a_member_is_32_bits_wide(make: Make) -> None:
    kinds = {leaf.dtype.name for leaf in jax.tree.leaves(make(FEW).moving)}
    assert kinds <= {"float32", "int32", "bool"}


TWO = Plan("cpu", 2, "map", 4, 1, 2)  # over two devices, where there are two
PAIRS = Plan("cpu", 1, "vmap", 4, 1, 2, together=2)


@pytest.mark.slow
def test_dealing_members_out_anew_changes_nothing_but_their_places(make: Make) -> None:
    """Those on the first device go on for longer, so that they are dealt out between the chunks."""
    recipes = [Recipe(learning_rate=0.01, epochs=9 if place < 4 else 2, seed=place) for place in range(8)]
    whole, dealt_out = finish(make(*recipes)), make(*recipes, plan=TWO)
    lines: list[dict[str, Any]] = []
    while dealt_out.running:
        lines += epoch_lines(0, dealt_out, dealt_out.advance())
    assert dealt_out.places.tolist() != list(range(8))
    assert sorted(dealt_out.places.tolist()) == list(range(8))
    np.testing.assert_array_equal(dealt_out.parameters, whole.parameters)
    assert dealt_out.results() == whole.results()
    np.testing.assert_array_equal(dealt_out.ended().parameters, whole.ended().parameters)
    assert [value is not None for value in lines[-1]["validation_loss"]] == [True] * 4 + [False] * 4


@pytest.mark.slow
def test_a_checkpoint_knows_members_and_not_their_places(make: Make, tmp_path: Any) -> None:
    recipes = [Recipe(learning_rate=0.01, epochs=9 if place < 3 else 2, seed=place) for place in range(5)]
    whole, moved = finish(make(*recipes)), make(*recipes, plan=TWO)
    moved.advance()
    moved.advance()
    assert moved.places.tolist() != list(range(5))
    checkpoint.save(tmp_path / "c.safetensors", moved)
    elsewhere = make(*recipes)  # one device, and so no place for a filler
    checkpoint.restore(tmp_path / "c.safetensors", elsewhere)
    np.testing.assert_array_equal(finish(elsewhere).parameters, whole.parameters)


@pytest.mark.parametrize(
    ("running", "plan", "places"),
    [
        ("1111", TWO, None),
        ("1010", TWO, None),
        ("1100", TWO, [0, 2, 1, 3]),
        ("0000", TWO, None),
        ("00010101", PAIRS, [3, 5, 7, 0, 1, 2, 4, 6]),
        ("11100000", PAIRS, None),
        ("1100", Plan("cpu", 2, "vmap", 4, 1, 2), None),
    ],
)
def test_members_are_dealt_out_where_it_pays(running: str, plan: Plan, places: list[int] | None) -> None:
    found = dealt(np.array([here == "1" for here in running]), plan)
    assert places == (None if found is None else found.tolist())


@pytest.mark.parametrize(("plan", "segments"), [(EPOCHS, 2 * 3), (PAIRS, 3)], ids=["one by one", "by twos"])
def test_a_stopped_member_does_nothing(make: Make, plan: Plan, segments: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are counted as they run: member by member, or by batches of members side by side."""
    counted: list[int] = []
    nothing = {"epoch": jax.numpy.zeros((), np.int32)}

    def segment(form: Any, moving: chunk.Moving, *_: Any) -> tuple[chunk.Moving, dict[str, jax.Array]]:
        jax.debug.callback(lambda: counted.append(1))
        return moving._replace(parameters=moving.parameters + 1), nothing

    monkeypatch.setattr(chunk, "run_segment", segment)
    monkeypatch.setattr(chunk, "no_measures", lambda form: nothing)
    moving = make(*[FEW] * 6).moving._replace(running=jax.numpy.arange(6) >= 4)
    advance = chunk.over_members(functools.partial(chunk.advance, None), plan=plan, shared=2, own=3)
    there, _ = jax.jit(advance)(moving, (np.zeros(6),), np.zeros((6, 4)), (), np.array([1, 0, 1, -1]))
    jax.effects_barrier()
    assert len(counted) == segments
    moved = np.asarray(there.parameters - moving.parameters)
    np.testing.assert_allclose(moved, np.repeat([0, 0, 0, 0, 3, 3], moved.shape[1]).reshape(moved.shape), atol=1e-5)


@pytest.mark.slow
def test_side_by_side_is_one_by_one_but_for_rounding(make: Make) -> None:
    recipes = [Recipe(learning_rate=0.01, epochs=3 + place, seed=place) for place in range(5)]
    one_by_one = finish(make(*recipes))
    for together in (0, 2):
        plan = Plan("cpu", 1, "vmap", 4, 1, 2, together=together)
        side_by_side = finish(make(*recipes, plan=plan))
        np.testing.assert_allclose(side_by_side.parameters, one_by_one.parameters, atol=1e-5)
        assert [of["epochs"] for of in side_by_side.results()] == [3, 4, 5, 6, 7]


def test_a_plan_says_how_many_threads_work_inside_an_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []

    def one(x: jax.Array) -> jax.Array:
        seen.append((native._THREADS.get(), native.usable()))
        return x

    for plan in (Plan("cpu", 1, "map", 1, 1, 1, threads=3), Plan("cpu", 1, "threads", 1, 1, 1, forms="jax")):
        jax.jit(chunk.over_members(one, plan=plan, shared=0))(np.zeros(2))
    assert seen == [(3, native.usable()), (0, False)]


def test_a_rehearsal_takes_time_and_a_population_made_anew_knows_nothing_of_it(make: Make) -> None:
    assert 0 < make(FEW).rehearse() < 60
    np.testing.assert_array_equal(weights(make(FEW)), weights(make(FEW)))


def test_all_devices_read_the_data_where_they_are() -> None:
    odd = np.frombuffer(bytes(4 * 64 + 4), np.float32)[1:]
    made = aligned(odd)
    np.testing.assert_array_equal(made, odd)
    assert aligned(made) is made
    assert on_devices(made, EPOCHS).unsafe_buffer_pointer() == made.ctypes.data


def test_padding_is_never_a_row() -> None:
    assert padded([np.arange(300), np.arange(3)]).shape == (2, 2, 256)
    assert (padded([np.arange(300), np.arange(3)])[1] >= 0).sum() == 3
