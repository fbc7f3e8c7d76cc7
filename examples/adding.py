"""The adding problem (Hochreiter and Schmidhuber 1997, sec. 5.4): which network remembers two numbers for 750 steps?

A sequence has two channels: numbers drawn from 0 to 1, and a marker that is one at two steps, one in each half, and
zero elsewhere. The answer is the sum of the two numbers marked. Whoever always says 1 is off by 0.167 on average
(squared): to do better, a network must carry a number over hundreds of steps that mean nothing.

    python examples/adding.py                                    # all of it
    python examples/adding.py --kinds lstm --lengths 750         # a part of it
    python examples/adding.py --seeds 1 --steps 500 --lengths 50 # a quick look

Each network trains as one population: four learning rates times five seeds, on the same sequences and for the same
number of steps, the gradient clipped at 1. The rate with the lowest mean validation error counts, and it is solved by
the seeds whose error on new sequences is below 0.01. Results are added to adding.json in the folder of ``--out``, where
the pictures are drawn too; what stands there is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any, ClassVar, Self

import jax.numpy as jnp
import numpy as np
from picture import Line, Panel, picture

from lamina.data.examples import Task
from lamina.inside import back_in_time
from lamina.model import NetworkPart
from lamina.network import GRU, LSTM, RNN, Dense, Last, Layer, Sequential, Shape, build, leaves
from lamina.network.initialisers import Draw
from lamina.training.device import prepare
from lamina.training.planner import Planner
from lamina.training.population import epoch_lines, gather
from lamina.training.recipe import Member, Program, Recipe
from lamina.training.vector import Layout

KINDS, LENGTHS = ("rnn", "gru", "lstm"), (50, 200, 750)
RATES, SEEDS, STEPS = (0.001, 0.003, 0.01, 0.03), 5, 2000
HIDDEN, BATCH, EPOCHS = 64, 32, 20
VALIDATION, TEST, LOOKED_AT = 512, 2048, 64  # sequences
TRIVIAL, SOLVED = 1 / 6, 0.01
TASK = Task("regression", "sum", ())
COLOURS = {"rnn": "orange", "gru": "green", "lstm": "blue"}
USUAL = "usual-lstm"  # with a forget bias of 1 instead; only where it is asked for


# --- the problem and the networks ------------------------------------------------------------------------------------


def sequences(count: int, length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences [count, length, 2] and their answers [count]."""
    random, rows = np.random.default_rng(seed), np.arange(count)
    x = np.zeros((count, length, 2), np.float32)
    x[:, :, 0] = random.random((count, length))
    first, second = random.integers(0, length // 2, count), random.integers(length // 2, length, count)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, x[rows, first, 0] + x[rows, second, 0]


class PatientLSTM(LSTM):
    """An LSTM whose units begin with memories of all lengths from 1 to ``longest`` steps (Tallec and Ollivier 2018)."""

    kind: ClassVar[str] = "lstm"
    longest: int = dataclasses.field(default=0, kw_only=True)

    def build(self, shape: Shape, draw: Draw) -> Self:
        built, kept, none = super().build(shape, draw), patience(draw, self), jnp.zeros(self.features)
        return dataclasses.replace(built, bias=jnp.concatenate([-kept, kept, none, none]))


class PatientGRU(GRU):
    """A GRU that begins in the same way: its update gate keeps what the other's forget gate does."""

    kind: ClassVar[str] = "gru"
    longest: int = dataclasses.field(default=0, kw_only=True)

    def build(self, shape: Shape, draw: Draw) -> Self:
        built, kept, none = super().build(shape, draw), patience(draw, self), jnp.zeros(self.features)
        return dataclasses.replace(built, bias=jnp.concatenate([none, kept, none]))


def patience(draw: Draw, layer: PatientLSTM | PatientGRU) -> Any:
    """The bias of a gate that keeps a unit's state for about u steps, u being drawn from 1 to ``longest``."""
    share = (draw.uniform((layer.features,), 1.0) + 1) / 2
    return jnp.log(1 + share * (layer.longest - 2))


def network(kind: str, length: int) -> Sequential:
    """One recurrent layer, of which a linear one reads the last state."""
    layers: dict[str, Layer] = {
        "rnn": RNN(HIDDEN),
        "gru": PatientGRU(HIDDEN, longest=length),
        "lstm": PatientLSTM(HIDDEN, longest=length),
        USUAL: LSTM(HIDDEN),
    }
    return Sequential([layers[kind], Last(), Dense(1, "linear")])


# --- one population --------------------------------------------------------------------------------------------------


def result(kind: str, length: int, seeds: int, steps: int) -> dict[str, Any]:
    """What came of one kind of network at one length, as values for JSON."""
    began, epochs = time.monotonic(), min(EPOCHS, steps)
    each = steps // epochs * BATCH
    x, y = sequences(each + VALIDATION, length, seed=1)
    train, held = np.arange(each), np.arange(each, each + VALIDATION)
    members = [
        Member(Recipe(learning_rate=rate, clip_norm=1.0, epochs=epochs, seed=seed))
        for rate in RATES
        for seed in range(seeds)
    ]
    data, program = gather([x], y, train=[train], validation=[held]), Program("squared", "adam", "constant", BATCH)
    planner = Planner(network(kind, length), program, members, "regression", data, [train], prepare("cpu"), "map")
    population, lines = planner.populate(planner.plan(), members), []
    while population.running:
        lines += epoch_lines(0, population, population.advance())
        done = f"epoch {population.position.epoch} of {epochs}, {time.monotonic() - began:.0f} s"
        print(f"  {kind} {length}: {done}", flush=True)
    ended, shift, scale = population.ended(), float(data.shift[0]), float(data.scale[0])
    best = best_rate([member["validation_loss"] for member in ended.results], seeds)
    parts = [opened(kind, length, ended.best(best * seeds + seed)[0], shift, scale) for seed in range(seeds)]
    curves = [[line["validation_rmse"][best * seeds + seed] for line in lines] for seed in range(seeds)]
    return {
        "kind": kind,
        "length": length,
        "steps": steps // epochs * epochs,
        "rate": RATES[best],
        "errors": [error(part, *sequences(TEST, length, seed=2)) for part in parts],
        "curves": [[None if off is None else off**2 for off in curve] for curve in curves],
        "memory": {"before": memory(untrained(kind, length, shift, scale)), "after": memory(parts[0])},
        "seconds": time.monotonic() - began,
    }


def best_rate(losses: list[float | None], seeds: int) -> int:
    """The place of the rate whose seeds have the lowest mean validation loss; one that diverged counts as trivial."""
    table = np.array([1.0 if loss is None else loss for loss in losses]).reshape(len(RATES), seeds)
    return int(table.mean(axis=1).argmin())


def opened(kind: str, length: int, weights: np.ndarray, shift: float, scale: float) -> NetworkPart:
    """A trained member as what Lamina answers with and looks into."""
    return NetworkPart(network(kind, length), (length, 2), "squared", None, weights, {}, shift, scale)  # pyright: ignore[reportArgumentType]


def untrained(kind: str, length: int, shift: float, scale: float) -> NetworkPart:
    built = build(network(kind, length), (length, 2), seed=0)
    return opened(kind, length, np.asarray(Layout.of(built).pack(leaves(built, "parameter"))), shift, scale)


def error(part: NetworkPart, x: np.ndarray, y: np.ndarray) -> float:
    """The mean squared error."""
    return float(np.mean((part.answer(x, TASK) - y) ** 2))


def memory(part: NetworkPart) -> list[float]:
    """The gradient back in time, as a share of what it is at the last step."""
    (seen,) = back_in_time(part, *sequences(LOOKED_AT, part.shape[0], seed=3))
    curve = seen.curve()
    return [float(f"{share:.4g}") for share in curve / curve[0]]


# --- what is shown ---------------------------------------------------------------------------------------------------


def row(found: dict[str, Any]) -> str:
    errors = sorted(found["errors"])
    solved = f"{sum(off < SOLVED for off in errors)} of {len(errors)}"
    numbers = f"{errors[len(errors) // 2]:9.5f} {errors[-1]:9.5f}"
    return f"{found['length']:6} {found['kind']:10} {solved:>8} {numbers} {found['rate']:8g} {found['seconds']:8.0f}"


def table(results: list[dict[str, Any]]) -> str:
    steps = ", ".join(str(n) for n in sorted({found["steps"] for found in results}))
    head = f"{'length':>6} {'':10} {'solved':>8} {'median':>9} {'worst':>9} {'rate':>8} {'seconds':>8}"
    said = f"Mean squared errors on {TEST:,} new sequences after {steps} steps; always saying 1: {TRIVIAL:.3f}."
    order = sorted(results, key=lambda of: (of["length"], [*KINDS, USUAL].index(of["kind"])))
    return "\n".join([said, head, *map(row, order)])


def draw(results: list[dict[str, Any]], folder: Path) -> None:
    """adding.svg, how the error falls; back-in-time.svg, what the gradient does on its way back."""
    results = [found for found in results if found["kind"] in KINDS]
    lengths = sorted({found["length"] for found in results})
    if not results:
        return
    learning = [
        Panel(f"{n} steps long", [of for f in results if f["length"] == n for of in curves(f)]) for n in lengths
    ]
    marks = {TRIVIAL: "always 1", SOLVED: "solved"}
    (folder / "adding.svg").write_text(picture(learning, "training step", "error", marks=marks), encoding="utf-8")
    longest = [found for found in results if found["length"] == lengths[-1]]
    panels = [Panel(f"{when} training", [back(f, when) for f in longest]) for when in ("before", "after")]
    across, up = "steps back in time", "gradient"
    (folder / "back-in-time.svg").write_text(picture(panels, across, up, marks={1.0: ""}), encoding="utf-8")


def curves(found: dict[str, Any]) -> list[Line]:
    every = found["steps"] // max(1, len(found["curves"][0]))
    steps = [every * (at + 1) for at in range(len(found["curves"][0]))]
    return [Line(found["kind"].upper(), COLOURS[found["kind"]], steps, curve) for curve in found["curves"]]


def back(found: dict[str, Any], when: str) -> Line:
    curve = found["memory"][when]
    places = np.unique(np.linspace(0, len(curve) - 1, 150).round().astype(int)).tolist()
    return Line(found["kind"].upper(), COLOURS[found["kind"]], places, [curve[at] for at in places])


def main() -> None:
    asked = argparse.ArgumentParser(description="Train an RNN, a GRU and an LSTM on the adding problem.")
    asked.add_argument("--kinds", nargs="+", choices=[*KINDS, USUAL], default=KINDS)
    asked.add_argument("--lengths", nargs="+", type=int, default=LENGTHS)
    asked.add_argument("--seeds", type=int, default=SEEDS)
    asked.add_argument("--steps", type=int, default=STEPS)
    asked.add_argument("--out", type=Path, default=Path("adding"))
    given = asked.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "adding.json"
    results: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    for length in given.lengths:
        for kind in given.kinds:
            if not any((found["kind"], found["length"]) == (kind, length) for found in results):
                results.append(result(kind, length, given.seeds, given.steps))
                file.write_text(json.dumps(results), encoding="utf-8")
    print(table(results))
    draw(results, given.out)
    print(f"Pictures: {given.out / 'adding.svg'}, {given.out / 'back-in-time.svg'}")


if __name__ == "__main__":
    main()
