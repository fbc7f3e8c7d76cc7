"""A trial: one data set trained by Lamina as it is, beside simple models and scikit-learn's MLP on the same rows."""

from __future__ import annotations

import json
import math
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlp
import numpy as np
from machine import busy

import lamina
from lamina import answer
from lamina.data.examples import Examples, Reading
from lamina.data.split import Split
from lamina.judgement.interval import compare
from lamina.judgement.verdict import Verdict
from lamina.metrics import METRICS, score
from lamina.settings import Observer, Place, Settings

TRIVIAL = ("majority class", "mean", "median")


@dataclass(frozen=True)
class Trial:
    """What is trained: a file (below the data folder until it is located), and what is said of it.

    ``unit``: regression scores are shown in multiples of it. ``also``: a second metric, for the network, every simple
    model and the MLP. ``mlp``: whether the MLP is fitted too.
    """

    name: str
    file: str
    reading: Reading = field(default_factory=Reading)
    settings: Settings = field(default_factory=Settings)
    note: str = ""
    unit: float = 1.0
    also: str | None = None
    mlp: bool = True


def attempt(trial: Trial, runs: Path, *, seeds: int | None = None, observer: Observer | None = None) -> dict[str, Any]:
    """The outcome of a trial; of one that fails, why."""
    try:
        return outcome(trial, runs, seeds=seeds, observer=observer)
    except Exception as problem:  # the table shall name what fails and go on with the rest
        if not isinstance(problem, lamina.LaminaError):
            traceback.print_exc()
        return {"name": trial.name, "failed": f"{type(problem).__name__}: {problem}"}


def outcome(trial: Trial, runs: Path, *, seeds: int | None = None, observer: Observer | None = None) -> dict[str, Any]:
    """Train, fit the peers, and compare them on the same rows: JSON-ready values."""
    started, load = time.perf_counter(), busy()
    run = lamina.train(
        trial.file, reading=trial.reading, settings=trial.settings, place=Place(runs, trial.name), observer=observer
    )
    seconds = time.perf_counter() - started
    verdict = run.verdict
    assert verdict is not None
    found = told(trial, verdict) | {"seconds": seconds, "load": load, "note": trial.note}
    if not (trial.mlp or trial.also):
        return found
    work = answer.begin(trial.file, trial.settings, trial.reading, Place(runs), lambda _: None)
    rows, ours = judged(run.folder, work.examples, work.split)
    several = seeds if seeds is not None else 3 if len(work.examples) < 5_000 else 1
    fits = [mlp.answers(work.examples, work.split, seed) for seed in range(several)] if trial.mlp else []
    if fits:
        found["mlp"] = beside(verdict, work.examples.targets[rows], ours, fits, trial.unit)
    if trial.also:
        found["also"] = {"metric": trial.also} | other_scores(trial.also, work.examples, work.split, ours, fits)
    return found


def told(trial: Trial, verdict: Verdict) -> dict[str, Any]:
    """What the verdict says, in the trial's unit."""
    unit = trial.unit if METRICS[verdict.metric].unit == "target" else 1.0
    simple = {
        name: {
            "score": b.score / unit,
            "difference": [v / unit for v in (b.difference, *b.difference_interval)],
            "settings": b.settings,
        }
        for name, b in verdict.baselines.items()
    }
    return {
        "name": trial.name,
        "rows": verdict.rows,
        "rows_kind": verdict.rows_kind,
        "metric": verdict.metric,
        "unit": unit,
        "score": verdict.score / unit,
        "interval": [v / unit for v in verdict.interval],
        "baselines": simple,
        "best_baseline": verdict.best_baseline,
        "sentence": verdict.sentence,
    }


def judged(folder: Path, examples: Examples, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """The judged rows and what the network answered, checked to be the same rows in the same order."""
    rows = mlp.judged_rows(split)
    with np.load(folder / "predictions.npz") as kept:
        assert (kept["names"] == examples.names[rows].astype(str)).all(), "the split is not the run's"
        return rows, kept["predictions"]


def beside(
    verdict: Verdict, targets: np.ndarray, ours: np.ndarray, fits: Sequence[mlp.Answers], unit: float
) -> dict[str, Any]:
    """The MLP of each seed, and how much better the network is than the seed in the middle (negative: worse)."""
    metric = METRICS[verdict.metric]
    unit = unit if metric.unit == "target" else 1.0
    scores = [score(metric, verdict.task, targets, fit.predictions) for fit in fits]
    middle = fits[int(np.argsort(scores)[len(scores) // 2])]
    gap = compare(metric, verdict.task, targets, [ours, middle.predictions])[1][0]
    return {
        "scores": [value / unit for value in scores],
        "difference": [value / unit for value in (gap.value, gap.low, gap.high)],
        "seconds": sum(fit.seconds for fit in fits) / len(fits),
    }


def other_scores(
    name: str, examples: Examples, split: Split, ours: np.ndarray, fits: Sequence[mlp.Answers]
) -> dict[str, float]:
    """Another metric for the network, the simple models (fitted again: a run keeps only their scores) and the MLP."""
    from lamina.judgement.baselines import judge_baselines

    models = {"network": ours} | {n: b.predictions for n, b in judge_baselines(examples, split).items()}
    models |= {"MLP": fits[0].predictions} if fits else {}
    targets = examples.targets[mlp.judged_rows(split)]
    return {model: score(METRICS[name], examples.task, targets, answers) for model, answers in models.items()}


# --- what is printed -------------------------------------------------------------------------------------------------

HEADER = ("data", "rows", "metric", "network", "95 %", "linear", "boosting", "others", "MLP", "network - best simple")
HEADER += ("network - MLP", "s")


def table(outcomes: Iterable[dict[str, Any]]) -> str:
    """Outcomes as a table in Markdown; `+` and `-` mark differences larger than noise."""
    rows = [HEADER, *(row(found) for found in outcomes)]
    widths = [max(len(cells[at]) for cells in rows) for at in range(len(HEADER))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True)) + " |" for cells in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def row(found: dict[str, Any]) -> tuple[str, ...]:
    """One outcome as cells."""
    if "failed" in found:
        return (found["name"], "", "", "FAILED", *[""] * (len(HEADER) - 4))
    show = shown(found)
    simple = found["baselines"]
    linear = next((show(b["score"]) for name, b in simple.items() if name.endswith("regression")), "")
    others = {n: b for n, b in simple.items() if not n.endswith("regression") and n != "gradient boosting"}
    best = found["best_baseline"]
    peer = found.get("mlp")
    return (
        found["name"],
        f"{found['rows']:,} {found['rows_kind']}",
        found["metric"],
        show(found["score"]),
        " to ".join(map(show, found["interval"])),
        linear,
        show(simple["gradient boosting"]["score"]),
        ", ".join(f"{name} {show(b['score'])}" for name, b in others.items()),
        spread(peer["scores"], show) if peer else "",
        f"{gap(simple[best]['difference'], show)} ({best})" if best else "",
        gap(peer["difference"], show) if peer else "",
        f"{found['seconds']:.0f}",
    )


def shown(found: dict[str, Any]) -> Any:
    """How to write this outcome's numbers: per cent, or as many decimals as the interval's width supports."""
    if METRICS[found["metric"]].unit == "%":
        return lambda value: f"{100 * value:.1f}"
    low, high = found["interval"]
    digits = max(0, 1 - math.floor(math.log10((high - low) / 2))) if high > low else 3
    return lambda value: f"{value:,.{digits}f}"


def spread(scores: Sequence[float], show: Any) -> str:
    """The scores of several seeds: the middle one, and from where to where."""
    middle = show(sorted(scores)[len(scores) // 2])
    return middle if len(scores) == 1 else f"{middle} ({show(min(scores))} to {show(max(scores))})"


def gap(difference: Sequence[float], show: Any) -> str:
    """How much better the network is, with its interval, and whether that is more than noise."""
    value, low, high = difference
    mark = "+" if low > 0 else "-" if high < 0 else "~"
    return f"{mark} {show(value)} [{show(low)}, {show(high)}]"


def remarks(outcomes: Sequence[dict[str, Any]]) -> list[str]:
    """What to look at: where something else is better by more than noise, what failed, other metrics, notes."""
    done = [found for found in outcomes if "failed" not in found]
    simple = [f["name"] for f in done if f["best_baseline"] and best_gap(f)[2] < 0]
    peer = [f["name"] for f in done if "mlp" in f and f["mlp"]["difference"][2] < 0]
    lines = [
        f"A simple model is better by more than noise on: {', '.join(simple) or 'none'}.",
        f"The MLP is better by more than noise on: {', '.join(peer) or 'none'}.",
    ]
    for found in done:
        if "also" in found:
            scores = ", ".join(f"{n} {v:.4f}" for n, v in found["also"].items() if isinstance(v, float))
            ours = ", ".join(f"{n} {b['score']:.4f}" for n, b in found["baselines"].items())
            lines.append(f"{found['name']}: {found['also']['metric']}: {scores}; {found['metric']}: network "
                         f"{found['score']:.4f}, {ours}.")  # fmt: skip
        if found["note"]:
            lines.append(f"{found['name']}: {found['note']}")
    return lines + [f"{f['name']} FAILED: {f['failed']}" for f in outcomes if "failed" in f]


def best_gap(found: dict[str, Any]) -> list[float]:
    """The difference to the best simple model, with its interval."""
    return found["baselines"][found["best_baseline"]]["difference"]


# --- what is kept ----------------------------------------------------------------------------------------------------


def kept(path: Path | None) -> dict[str, dict[str, Any]]:
    """Outcomes of earlier calls, by name."""
    if path is None or not path.exists():
        return {}
    return {found["name"]: found for found in json.loads(path.read_text())["outcomes"]}


def keep(path: Path | None, machine: str, outcomes: Sequence[dict[str, Any]]) -> None:
    """Write the outcomes down, in their order."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine, "outcomes": outcomes}, indent=1) + "\n")
