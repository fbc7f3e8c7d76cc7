"""A population of recurrent networks learns from sequences: which third has the larger mean."""

from __future__ import annotations

import numpy as np

from lamina.network import complete
from lamina.network.notation import parse
from lamina.training.plan import Plan
from lamina.training.population import epoch_lines, gather, populate
from lamina.training.recipe import Member, Program, Recipe

ROWS, STEPS = 240, 9


def test_which_third_is_the_largest_is_learned() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, ROWS).astype(np.int32)
    x = rng.normal(size=(ROWS, STEPS, 2)).astype(np.float32)
    x[:, :, 0] += 2.0 * (np.arange(STEPS)[None] // 3 == classes[:, None])
    network = complete(parse("lstm 8 bidirectional, last bidirectional"), (STEPS, 2), 3, kind="series")
    held, train = np.arange(60), np.arange(60, ROWS)
    population = populate(
        network,
        Program("cross entropy", batch_size=30),
        [Member(Recipe(learning_rate=rate, epochs=12), 0) for rate in (0.02, 0.03)],
        task="classification",
        data=gather([x], classes, train=[train], validation=[held]),
        rows=[train],
        plan=Plan("cpu", 1, "map", 6, 1, 12),
    )
    lines = []
    while population.running:
        lines += epoch_lines(0, population, population.advance())
    assert min(lines[-1]["validation_accuracy"]) > 0.85
    assert max(lines[0]["validation_accuracy"]) < 0.7
