"""Random kernels, the simple model beside networks on time series, against ROCKET + ridge regression as aeon has it.

    python benchmarks/series_baseline.py DATA [NAME ...]

The UCR sets of DATA/ucr on their official split, five seeds each: mean accuracy, and seconds from series to answers.
Both are fitted to all training series, ours to 10,000 numbers from 5,000 kernels, theirs to 20,000 from 10,000. Without
aeon (`pip install aeon`) only ours is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import described
from threadpoolctl import threadpool_limits

from lamina.data.examples import Examples, Reading
from lamina.data.series import read_series
from lamina.judgement.models import KERNEL_FEATURES
from lamina.judgement.random_kernels import draw_kernels
from lamina.judgement.ridge import fit_ridge

NAMES = ("ECG200", "Coffee", "Trace", "Synthetic_control", "GunPoint", "JapaneseVowels")
SEEDS = 5
THREADS = 2


def main() -> None:
    options = asked()
    print(described(), flush=True)
    peer = importlib.util.find_spec("aeon") is not None
    if not peer:
        print("aeon isn't installed: its ROCKET is not measured.")
    scores = [
        one(read_series(file_of(options.data, name), Reading()), name, peer=peer) for name in options.names or NAMES
    ]
    print("mean of all", *(f"{100 * score:.2f}" for score in np.mean(scores, axis=0)), sep=" | ")


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with a folder a data set")
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME")
    return parser.parse_args()


def file_of(data: Path, name: str) -> Path:
    plain = data / "ucr" / name / f"{name}_TRAIN"
    return plain if plain.exists() else plain.with_suffix(".ts")


def one(examples: Examples, name: str, *, peer: bool) -> list[float]:
    """Prints a row; the mean accuracies of ours and, if it is there, of the peer."""
    found = [measured(model, examples) for model in (ours, theirs)[: 1 + peer]]
    texts = [f"{100 * accuracies.mean():.2f} ({seconds:.1f} s)" for accuracies, seconds in found]
    print(name, *texts, sep=" | ", flush=True)
    return [float(accuracies.mean()) for accuracies, _ in found]


def measured(model: Callable[[Examples, int], np.ndarray], examples: Examples) -> tuple[np.ndarray, float]:
    """Accuracy of each seed, and the median of their seconds."""
    truth = examples.targets[examples.fixed_test]
    accuracies, seconds = [], []
    for seed in range(SEEDS):
        started = time.perf_counter()
        accuracies.append((model(examples, seed) == truth).mean())
        seconds.append(time.perf_counter() - started)
    return np.array(accuracies), float(np.median(seconds))


def ours(examples: Examples, seed: int) -> np.ndarray:
    """Classes of the test series, as the model "random kernels" answers."""
    series, held = np.asarray(examples.inputs), examples.fixed_test
    assert held is not None
    columns = 2.0 * (examples.targets[~held, None] == np.arange(len(examples.task.classes))) - 1
    with threadpool_limits(1):  # as there: the products are too small to be shared
        kernels = draw_kernels(series[~held], KERNEL_FEATURES[1] // 2, seed=seed)
        model = fit_ridge(kernels.features(series[~held], threads=THREADS), columns)
        return model.predict(kernels.features(series[held], threads=THREADS)).argmax(axis=1)


def theirs(examples: Examples, seed: int) -> np.ndarray:
    """Classes by aeon's RocketClassifier; what is behind the end of a shorter series is zero to it."""
    from aeon.classification.convolution_based import RocketClassifier

    series, held = np.nan_to_num(np.asarray(examples.inputs, np.float64)).transpose(0, 2, 1), examples.fixed_test
    assert held is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = RocketClassifier(random_state=seed, n_jobs=THREADS).fit(series[~held], examples.targets[~held])
        return np.asarray(model.predict(series[held]))


if __name__ == "__main__":
    main()
