"""Time series: six sets of the UCR archive on their official splits, several seeds, beside simple models and what was
published for networks.

    python benchmarks/series.py DATA [Coffee ECG200 ...] [--seeds 5]

The published accuracies are the means that Fawaz et al. 2019 (Data Mining and Knowledge Discovery 33(4), arXiv
1809.04356) give for their FCN and ResNet.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import described
from trial import Trial, attempt, keep, kept

from lamina.settings import Settings

# FCN and ResNet, in per cent.
PUBLISHED = {
    "Coffee": (100.0, 100.0),
    "ECG200": (88.9, 87.4),
    "GunPoint": (100.0, 99.1),
    "JapaneseVowels": (99.3, 99.2),
    "Synthetic_control": (98.5, 99.8),
    "Trace": (100.0, 100.0),
}
SIMPLE = ("logistic regression", "gradient boosting", "random kernels")
HEADER = ("series", "network", "seeds", *SIMPLE, "FCN", "ResNet", "s each")


def main() -> None:
    options = asked()
    machine, found = described(), kept(options.results)
    print(machine, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.names or PUBLISHED:
            found[name] = one(name, options.data, options.seeds, options.runs or Path(scratch) / "runs")
            print(" | ".join(row(found[name])), flush=True)
            keep(options.results, machine, [found[n] for n in PUBLISHED if n in found])
    done = [found[name] for name in PUBLISHED if name in found]
    print("", *table([HEADER, *map(row, done), means(done)]), sep="\n")


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with a folder a data set; series stand in ucr/")
    parser.add_argument("names", nargs="*", choices=[[], *PUBLISHED], metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5, help="how many initialisations each")
    parser.add_argument("--results", type=Path, help="a JSON file to merge the outcomes into")
    parser.add_argument("--runs", type=Path, help="a folder to keep the runs and their reports in")
    return parser.parse_args()


def one(name: str, data: Path, seeds: int, runs: Path) -> dict[str, Any]:
    """A set trained from several seeds: the score of each, the simple models once, the seconds."""
    trial = Trial(name, str(data / "ucr" / name), mlp=False)
    outcomes = [
        attempt(replace(trial, name=f"{name}-{at}", settings=Settings(seed=1000 * at)), runs) for at in range(seeds)
    ]
    failed = [outcome["failed"] for outcome in outcomes if "failed" in outcome]
    if failed:
        return {"name": name, "failed": failed[0]}
    simple = {model: outcomes[0]["baselines"][model]["score"] for model in SIMPLE}
    seconds = statistics.median(outcome["seconds"] for outcome in outcomes)
    return {"name": name, "scores": [outcome["score"] for outcome in outcomes], "simple": simple, "seconds": seconds}


def row(found: dict[str, Any]) -> tuple[str, ...]:
    """One set as cells, accuracies in per cent."""
    if "failed" in found:
        return (found["name"], found["failed"], *[""] * (len(HEADER) - 2))
    scores, published = found["scores"], PUBLISHED[found["name"]]
    each = " ".join(f"{100 * score:.1f}" for score in scores)
    simple = [f"{100 * found['simple'][model]:.1f}" for model in SIMPLE]
    mean = f"{100 * statistics.fmean(scores):.1f}"
    return (found["name"], mean, each, *simple, *map(str, published), f"{found['seconds']:.0f}")


def means(found: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The mean of each column over the sets that were trained."""
    done = [each for each in found if "failed" not in each]
    ours = statistics.fmean(statistics.fmean(each["scores"]) for each in done)
    simple = [f"{100 * statistics.fmean(each['simple'][model] for each in done):.1f}" for model in SIMPLE]
    published = [f"{statistics.fmean(PUBLISHED[each['name']][at] for each in done):.1f}" for at in (0, 1)]
    return ("mean", f"{100 * ours:.1f}", "", *simple, *published, "")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells as a table in Markdown."""
    widths = [max(len(cells[at]) for cells in rows) for at in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True)) + " |" for cells in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


if __name__ == "__main__":
    main()
