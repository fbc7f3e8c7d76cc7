"""What bfloat16 costs in accuracy: 10 seeds trained in both precisions, as populations, judged on the same rows.

    python -m benchmarks.precision DATA [cnn | lstm ...] [--seeds 10]

CNN and LSTM on MNIST (48,128 rows to train on, 10,000 held out). `--precision auto` may take bfloat16 for a kind of
network whose mean accuracy is within 0.1 point of float32's (lamina.choices.SHOWN_IN_BFLOAT16).
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.engine.examples import Examples, load
from benchmarks.engine.network import Cnn, Network, Recurrent
from benchmarks.engine.ours import Ours, engine
from scipy.stats import t as student

from lamina.kernels.precision import PRECISIONS

HARMLESS = 0.1  # points of accuracy


@dataclass(frozen=True)
class Trial:
    """A network, what it learns from, and for how long."""

    network: Network
    examples: str
    batch: int
    epochs: int


TRIALS = {"cnn": Trial(Cnn(), "mnist", 64, 3), "lstm": Trial(Recurrent("lstm"), "mnist rows", 128, 5)}


def main() -> None:
    options = asked()
    print(engine(), flush=True)
    for name in options.names or TRIALS:
        trial, found = TRIALS[name], {}
        examples = load(trial.examples, options.data)
        for precision in PRECISIONS:
            began = time.perf_counter()
            found[precision] = accuracies(trial, examples, precision, options.seeds)
            seconds = time.perf_counter() - began
            print(f"{name} {precision}: {spread(found[precision])}, {seconds:.0f} s", flush=True)
        print(f"{name}: {verdict(found['bfloat16'] - found['float32'])}", flush=True)


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with a folder a data set (mnist)")
    parser.add_argument("names", nargs="*", choices=[[], *TRIALS], metavar="NAME")
    parser.add_argument("--seeds", type=int, default=10)
    return parser.parse_args()


def accuracies(trial: Trial, examples: Examples, precision: str, seeds: int) -> np.ndarray:
    """Each seed's accuracy on the held-out rows behind its last epoch, in points."""
    ours = Ours(trial.network, examples, trial.batch, members=seeds, precision=precision, epochs=trial.epochs)
    while ours.population.running:
        ours.population.advance()
    targets = examples.targets[examples.held]
    answers = (ours.answers(member, ours.inputs[examples.held]) for member in range(seeds))
    return np.array([100 * (answer.argmax(axis=1) == targets).mean() for answer in answers])


def spread(points: np.ndarray) -> str:
    return f"mean {points.mean():.3f} % of {len(points)} seeds ({points.min():.2f} to {points.max():.2f})"


def verdict(differences: np.ndarray) -> str:
    """The mean of paired differences in points with its 95 % interval (Student), and whether it is harmless."""
    mean, count = differences.mean(), len(differences)
    half = student.ppf(0.975, count - 1) * differences.std(ddof=1) / math.sqrt(count) if count > 1 else math.inf
    words = "within" if abs(mean) <= HARMLESS else "not within"
    return (
        f"bfloat16 less float32 {mean:+.3f} points ({mean - half:+.3f} to {mean + half:+.3f}): {words} {HARMLESS} point"
    )


if __name__ == "__main__":
    main()
