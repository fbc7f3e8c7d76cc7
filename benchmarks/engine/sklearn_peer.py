"""scikit-learn's MLPClassifier as a contender: members one after the other, measured each epoch as everywhere."""

from __future__ import annotations

import warnings

import numpy as np
from benchmarks.engine.contender import timed
from benchmarks.engine.examples import Examples
from benchmarks.engine.network import Mlp
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

FOREVER = 1_000_000_000  # epochs without a better score: their count goes on from one fit to the next


class Sklearn:
    """So many networks; `warm_start` goes on from where the last round ended."""

    def __init__(self, network: Mlp, examples: Examples, batch: int, *, members: int, seed: int = 0) -> None:
        self.members, self.batch, self.examples = members, batch, examples
        self.rows = np.concatenate([examples.train, examples.validation])
        self.models = [
            MLPClassifier(
                network.widths[1:-1],
                batch_size=batch,  # type: ignore[arg-type]
                alpha=0.0,
                early_stopping=True,  # holds out as many rows as the others measure on
                validation_fraction=len(examples.validation) / len(self.rows),
                warm_start=True,
                random_state=seed + member,
            )
            for member in range(members)
        ]
        self.notes = ""

    def run(self, steps: int) -> float:
        epochs, left = divmod(steps, len(self.examples.train) // self.batch)
        assert not left, "scikit-learn goes by epochs"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return timed(lambda: self._epochs(epochs))

    def _epochs(self, epochs: int) -> None:
        for model in self.models:
            model.set_params(max_iter=epochs, n_iter_no_change=FOREVER)
            model.fit(self.examples.inputs[self.rows], self.examples.targets[self.rows])

    def accuracy(self) -> float:
        held = self.examples.held
        return float(np.mean([m.score(self.examples.inputs[held], self.examples.targets[held]) for m in self.models]))
