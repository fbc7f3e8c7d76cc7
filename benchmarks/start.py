"""From the shell to a verdict: the whole process of `lamina train penguins.csv`, and what a second recipe compiles.

    python benchmarks/start.py DATA [--times 3]

Cold: with an empty compilation cache. Beside it: a process in which scikit-learn's MLPClassifier is cross-validated on
the same file, which gives a score only: no simple models, no interval, no report, no model file.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from machine import busy, described

import lamina
from lamina.settings import Place, Settings

RECIPE = Settings(networks=("dense 32, dropout 0.2",), learning_rates=(1e-3, 1e-2), epochs=10)

PEER = """
import csv, sys
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
rows = list(csv.DictReader(open(sys.argv[1])))
numbers = [n for n in rows[0] if n.endswith(("_mm", "_g")) or n == "year"]
words = [n for n in rows[0] if n not in numbers and n != "species"]
X = np.array([[float(r[n]) if r[n] != "NA" else np.nan for n in numbers] + [r[n] for n in words] for r in rows], object)
at = list(range(len(numbers)))
prepare = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), at),
    (OneHotEncoder(handle_unknown="ignore"), [len(at), len(at) + 1]),
)
model = make_pipeline(prepare, MLPClassifier(max_iter=300, random_state=0))
print(cross_val_score(model, X, [r["species"] for r in rows], cv=5).mean())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with a folder a data set")
    parser.add_argument("--times", type=int, default=3, help="how often each is measured; the median is told")
    options = parser.parse_args()
    file, times = options.data / "penguins" / "penguins.csv", options.times
    print(described(), flush=True)
    print("| whole process | median s | from | to | CPU s |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        warm = Path(scratch) / "warm"
        train(file, warm)  # fills the cache
        show("lamina train penguins.csv, cold", times, lambda: train(file, Path(tempfile.mkdtemp(dir=scratch))))
        show("lamina train penguins.csv, cache warm", times, lambda: train(file, warm))
    show("scikit-learn, MLPClassifier, 5 folds", times, lambda: timed([sys.executable, "-c", PEER, str(file)]))
    show("lamina --help", times, lambda: timed([lamina_command(), "--help"]))
    counts = recompiled(file)
    each = ", ".join(f"other {name} {count}" for name, count in counts.items())
    print(f"\nCompilations of a second recipe in one process: {sum(counts.values())} ({each}).\nAt the end: {busy()}.")


def show(name: str, times: int, measure: Callable[[], float]) -> None:
    """A line of the table; the seconds of both cores together tell how it would be on a machine with nothing else."""
    before = worked()
    seconds = [measure() for _ in range(times)]
    numbers = (statistics.median(seconds), min(seconds), max(seconds), (worked() - before) / times)
    print(f"| {name} | {' | '.join(f'{number:.2f}' for number in numbers)} |", flush=True)


def worked() -> float:
    """Seconds of processor time of all processes that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def train(file: Path, cache: Path) -> float:
    """`lamina train` in a process of its own, with this folder as the user's cache."""
    with tempfile.TemporaryDirectory() as runs:
        words = [lamina_command(), "train", str(file), "--target", "species", "--runs", runs]
        return timed(words, XDG_CACHE_HOME=str(cache))


def lamina_command() -> str:
    return str(Path(sys.executable).parent / "lamina")


def timed(words: list[str], **environment: str) -> float:
    """Seconds of a process; a failure ends the benchmark."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    started = time.perf_counter()
    subprocess.run(words, check=True, env=own | environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def recompiled(file: Path) -> dict[str, int]:
    """How often JAX compiles when the same network is trained again, with one number of its recipe changed.

    What is only loaded from the compilation cache counts as well: JAX tells of both as one event.
    """
    import jax

    others = {
        "learning rates": replace(RECIPE, learning_rates=(3e-3, 3e-2)),
        "weight decay": replace(RECIPE, weight_decay=0.1),
        "seed": replace(RECIPE, seed=7),
        "epochs": replace(RECIPE, epochs=15),
        "dropout rate": replace(RECIPE, networks=("dense 32, dropout 0.4",)),
    }
    events: list[str] = []

    def heard(event: str, duration_secs: float, **about: str | int) -> None:
        if "backend_compile" in event:
            events.append(event)

    counts = {}
    with tempfile.TemporaryDirectory() as runs:
        lamina.train(file, "species", settings=RECIPE, place=Place(Path(runs)))
        jax.monitoring.register_event_duration_secs_listener(heard)
        for name, settings in others.items():
            events.clear()
            lamina.train(file, "species", settings=settings, place=Place(Path(runs)))
            counts[name] = len(events)
    return counts


if __name__ == "__main__":
    main()
