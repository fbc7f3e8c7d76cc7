"""Made runs: folders such as training writes, of known content, for views, the writer and the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HOSTILE = "<img src=x onerror=alert(1)>\"'&"
CLOSING = "</script><script>alert(2)</script>"


@pytest.fixture
def made_run(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a run of a kind ("penguins", "pictures", ...) and gives its folder."""

    def make(kind: str, **changes: Any) -> Path:
        return write_run(tmp_path / kind, kind, **changes)

    return make


def write_run(folder: Path, kind: str, **changes: Any) -> Path:
    """Write a made run; ``changes`` replace parts of its run.json (None takes the part away)."""
    run, history, arrays = MAKERS[kind]()
    run = {k: v for k, v in {**run, **changes}.items() if v is not None}
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history), encoding="utf-8")
    for name, content in arrays.items():
        np.savez(folder / f"{name}.npz", **content)
    return folder


def penguins(epochs: int = 120, members: int = 60) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """A classification of 333 rows in three classes: 60 members (4 rates x 3 seeds x 5 folds), out of fold."""
    random = np.random.default_rng(1)
    rates = [0.0003, 0.001, 0.003, 0.01]
    layers = [layer("0.input", "input", "10 numbers, 2 categories", [14], 0, 0)]
    layers += [layer(f"{i + 1}.dense", "dense", "dense 64 relu", [64], p, p) for i, p in enumerate([960, 4160])]
    layers += [
        layer("3.dropout", "dropout", "dropout 0.1", [64], 0, 0),
        layer("4.dense", "dense", "dense 3 linear", [3], 195, 195),
    ]
    population = [member(i, rates[i // 15 % 4], i % 5, i // 5 % 3, epochs, random) for i in range(members)]
    history = list(curves(population, epochs, ["1.dense", "2.dense", "4.dense"], random))
    targets = np.repeat([0, 1, 2], [146, 68, 119])
    probabilities = answers(targets, 3, 0.985, random)
    run = base("penguins", "classification", population, layers, targets) | {
        "task": {
            "kind": "classification",
            "target": "species",
            "classes": ["Adelie", "Chinstrap", "Gentoo"],
            "positive": None,
        },
        "schema": {"columns": PENGUIN_COLUMNS, "target": "species", "rows": 344},
        "verdict": verdict(
            "The network tells species right for 98.8 % of 333 rows (95 % interval 97.0 to 99.5 %), as well as "
            "logistic regression (99.1 %): the difference is within noise, so the simpler model would do.",
            0.988,
            (0.9695, 0.9953),
            {
                "logistic regression": (0.991, (0.9739, 0.9969), -0.003, (-0.012, 0.006), "C = 10"),
                "gradient boosting": (
                    0.9790,
                    (0.9572, 0.9898),
                    0.009,
                    (-0.003, 0.021),
                    "100 trees, 15 leaves, early stopping",
                ),
                "majority class": (0.4384, (0.386, 0.492), 0.55, (0.495, 0.603), "always Adelie"),
            },
            best="logistic regression",
            rows=333,
        ),
    }
    names = np.array([f"line {i + 2}" for i in range(len(targets))])
    return (
        run,
        history,
        {"predictions": {"names": names, "targets": targets.astype(np.int32), "predictions": probabilities}},
    )


def pictures() -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Digits, 8 x 8 grey: 1,797 rows in ten classes, with pictures of the worst mistakes."""
    random = np.random.default_rng(2)
    run, history, _ = penguins(40, 10)
    targets = random.integers(0, 10, 1797).astype(np.int32)
    probabilities = answers(targets, 10, 0.98, random)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != targets)
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1))][:20]
    rings = np.hypot(*np.mgrid[-3.5:4.5, -3.5:4.5])
    images = np.stack([np.uint8(255 * np.exp(-((rings - 1.5 - t / 5) ** 2))) for t in targets[wrong]])[..., None]
    layers = [
        layer("0.input", "input", "images scaled to 0..1", [8, 8, 1], 0, 0),
        layer("1.conv", "conv", "conv 32 3x3 relu", [8, 8, 32], 320, 18432),
        layer("2.maxpool", "maxpool", "pool 2x2", [4, 4, 32], 0, 0),
        layer("3.conv", "conv", "conv 64 3x3 relu", [4, 4, 64], 18496, 294912),
        layer("4.flatten", "flatten", "flatten", [1024], 0, 0),
        layer("5.dense", "dense", "dense 128 relu", [128], 131200, 131072),
        layer("6.dense", "dense", "dense 10 linear", [10], 1290, 1280),
    ]
    run |= {
        "name": "digits",
        "task": {"kind": "classification", "target": "digit", "classes": list("0123456789"), "positive": None},
        "data": run["data"] | {"path": "sample:digits", "kind": "image", "rows": 1797, "test_openings": 2},
        "networks": [
            {
                "notation": "conv 32, pool, conv 64, pool, dense 128",
                "layers": layers,
                "parameters": 151306,
                "multiply_adds": 445696,
            }
        ],
        "schema": {
            "columns": [
                column("image", "image", "feature", height=8, width=8, channels=1, rule="All images are 8 x 8 already.")
            ],
            "target": "digit",
            "rows": 1797,
        },
        "command": "lamina train sample:digits --network 'conv 32, pool, conv 64, dense 128'",
        "verdict": verdict(
            "The network reads digit right for 98.9 % of 1,797 pictures (95 % interval 98.4 to 99.3 %), better than "
            "the best simple model, an SVM (98.1 %), by more than noise.",
            0.9894,
            (0.984, 0.993),
            {
                "SVM": (0.981, (0.974, 0.986), 0.0084, (0.003, 0.0138), "C = 10, rbf kernel"),
                "k nearest neighbours": (0.978, (0.97, 0.984), 0.0114, (0.0054, 0.0174), "k = 3"),
                "gradient boosting": (0.967, (0.958, 0.974), 0.022, (0.015, 0.03), "300 trees"),
                "majority class": (0.102, (0.089, 0.117), 0.887, (0.872, 0.9), "always 3"),
            },
            best="SVM",
            rows=1797,
        ),
    }
    names = np.array([f"{t}/{i:04d}.png" for i, t in enumerate(targets)])
    saved = {"names": names, "targets": targets, "predictions": probabilities}
    return run, history, {"predictions": saved, "mistakes": {"rows": wrong, "pictures": images}}


def series(sound: bool = False) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Waves in three classes by how fast they are, of unequal lengths, read by an LSTM both ways and a GRU."""
    random = np.random.default_rng(4)
    run, history, _ = penguins(20, 4)
    targets = random.integers(0, 3, 90).astype(np.int32)
    probabilities = answers(targets, 3, 0.9, random)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != targets)
    right = np.array([np.flatnonzero((targets == c) & (probabilities.argmax(axis=1) == c))[0] for c in range(3)])
    right[2] = -1  # no answer is right in the last class
    shown, steps = np.concatenate([wrong, np.maximum(right, 0)]), np.arange(60)
    waves = np.sin(steps[None, :, None] * (0.1 + 0.2 * targets[shown][:, None, None]) + np.array([0.0, 1.0]))
    waves[::2, 40:] = np.nan
    pictures = np.uint8(127 + 120 * np.nan_to_num(waves[:, None, :, :1]) * np.ones((1, 20, 1, 1)))
    looks = {"pictures": pictures, "widths": np.where(shown % 2, 60, 40)} if sound else {"series": waves}
    count = len(wrong)
    kept = {"rows": wrong, "right": right} | {name: of[:count] for name, of in looks.items()}
    kept |= {f"right_{name}": of[count:] for name, of in looks.items()}
    kind = "sound" if sound else "series"
    run |= {
        "name": "waves",
        "task": {"kind": "classification", "target": "pace", "classes": ["slow", "middling", "fast"], "positive": None},
        "data": run["data"] | {"kind": kind},
    }
    names = np.array([f"wave {i}" for i in range(len(targets))])
    saved = {"names": names, "targets": targets, "predictions": probabilities}
    return run, history, {"predictions": saved, "mistakes": kept, "memory": memory(random, features=20 if sound else 2)}


def sounds() -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """The same waves as if they had been heard."""
    return series(sound=True)


def memory(random: np.random.Generator, features: int) -> dict[str, Any]:
    """What memory.npz holds of an LSTM whose gradient fades one way and lasts the other, and a GRU where it grows."""
    ways = [("1.lstm", "lstm", "forward"), ("1.lstm", "lstm", "backward"), ("2.gru", "gru", "forward")]
    steps = np.arange(60)
    kept: dict[str, Any] = {"examples": 64, "row": 5, "directions": np.array(ways), "gated": np.array(ways)}
    kept |= {"input": np.sin(steps[:, None] / np.arange(1, features + 1)), "input_steps": 60}
    for at, (factor, gates) in enumerate(((0.7, LSTM), (0.99, LSTM), (1.2, GRU))):
        mean = 0.3 * factor**steps
        kept |= {f"{at}/steps": steps, f"{at}/hidden": np.stack([mean, mean / 3, mean * 2]), f"{at}/time": 60}
        kept |= {f"{at}/cell": kept[f"{at}/hidden"]} if gates is LSTM else {}
        kept |= {f"{at}/gate/{name}": random.random((60, 4)).astype(np.float16) for name in gates}
        kept |= {f"{at}/units": np.array([3, 0, 1, 2]), f"{at}/half_lives": np.array([np.inf, 12.0, 4.0, 0.5])}
    return kept


LSTM = ("input", "forget", "output", "candidate", "cell", "hidden")
GRU = ("reset", "update", "candidate", "hidden")


def prices() -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """A regression of 4,000 rows, in which gradient boosting is ahead."""
    random = np.random.default_rng(3)
    run, history, _ = penguins(80, 12)
    targets = np.clip(random.lognormal(0.6, 0.5, 4000), 0.15, 5.0)
    values = targets + random.normal(0, 0.28 + 0.06 * targets)
    columns = [
        column(n, "number", "feature", **shape) for n, shape in (("MedInc", {}), ("HouseAge", {}), ("Latitude", {}))
    ]
    run |= {
        "name": "california",
        "task": {"kind": "regression", "target": "MedHouseVal", "classes": [], "positive": None},
        "data": run["data"] | {"path": "california_housing.parquet", "rows": 20640, "test_openings": 1},
        "schema": {
            "columns": [*columns, column("MedHouseVal", "number", "target")],
            "target": "MedHouseVal",
            "rows": 20640,
        },
        "verdict": verdict(
            "The network is off by 0.487 on average (RMSE in MedHouseVal; 95 % interval 0.475 to 0.500) on 4,000 rows; "
            "gradient boosting, at 0.472, is better by more than noise.",
            0.487,
            (0.475, 0.5),
            {
                "gradient boosting": (0.472, (0.46, 0.485), -0.015, (-0.024, -0.006), "400 trees, learning rate 0.1"),
                "ridge regression": (0.727, (0.705, 0.75), 0.24, (0.219, 0.262), "alpha = 1"),
                "mean": (1.154, (1.13, 1.18), 0.667, (0.645, 0.69), ""),
            },
            best="gradient boosting",
            rows=4000,
            metric="rmse",
        )
        | {"greater_is_better": False},
    }
    run["program"] = run["program"] | {"loss": "squared"}
    for line in history:
        for part in ("training", "validation"):
            loss = np.array(line[f"{part}_loss"])
            del line[f"{part}_accuracy"]
            line |= {
                f"{part}_rmse": (0.45 + loss).tolist(),
                f"{part}_mae": (0.3 + loss).tolist(),
                f"{part}_r2": (0.8 - 0.5 * loss).tolist(),
            }
    names = np.array([f"row {i}" for i in range(len(targets))])
    return run, history, {"predictions": {"names": names, "targets": targets, "predictions": values}}


def diverged() -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Every member went to NaN: no verdict, no answers."""
    run, history, _ = penguins(6, 4)
    for line in history[2:]:
        line["training_loss"] = line["validation_loss"] = [float("nan")] * 4
    members = [m | {"state": "diverged", "best_epoch": 0, "validation_loss": None, "epochs": 3} for m in run["members"]]
    run = {k: v for k, v in run.items() if k not in ("verdict", "selection")}
    return run | {"name": "diverged", "state": "failed", "members": members}, history, {}


def hostile() -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """The penguins with markup in every text."""
    run, history, arrays = penguins(10, 4)
    run = _poisoned(run)
    run |= {"format": 1, "state": "judged"}
    run["task"] |= {"kind": "classification", "classes": [HOSTILE, CLOSING, "{{script}}"]}
    arrays["predictions"]["names"] = np.array([CLOSING, HOSTILE] * 166 + ["\udcff file"])
    poisoned = memory(np.random.default_rng(0), 2)
    poisoned |= {"directions": np.array([(HOSTILE, CLOSING, HOSTILE)] * 3), "gated": np.array([(CLOSING, "gru", "x")])}
    shown = {"rows": np.arange(333), "series": np.zeros((333, 9, 1)), "right": np.array([0, 1, 2])}
    return run, history, arrays | {"memory": poisoned, "mistakes": shown}


def _poisoned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_poisoned(v) for v in value]
    return f"{value}{HOSTILE}{CLOSING}" if isinstance(value, str) else value


MAKERS = {
    "penguins": penguins,
    "pictures": pictures,
    "series": series,
    "sounds": sounds,
    "prices": prices,
    "diverged": diverged,
    "hostile": hostile,
}


def base(
    name: str, task: str, population: list[dict[str, Any]], layers: list[dict[str, Any]], targets: np.ndarray
) -> dict[str, Any]:
    parts = [{"train": 213, "validation": 54, "test": 66} for _ in range(5)]
    winners = [
        min((m for m in population if m["part"] == p), key=lambda m: m["validation_loss"])["id"]
        for p in range(min(5, len(population)))
    ]
    return {
        "format": 1,
        "name": name,
        "state": "judged",
        "parent": None,
        "created": "2025-11-20T17:45:10+00:00",
        "seconds": 8.24,
        "command": f"lamina train {name}.csv --target species",
        "versions": {
            "lamina": "0.1.0",
            "python": "3.11.9",
            "jax": "0.10.2",
            "numpy": "2.3.4",
            "platform": "Linux x86_64",
            "cores": 2,
        },
        "data": {
            "path": f"{name}.csv",
            "sha256": "9f" * 32,
            "bytes": 13478,
            "kind": "table",
            "rows": len(targets),
            "test_openings": 1,
        },
        "notes": [
            {
                "kind": "missing-target",
                "text": "2 rows have no species and were left out: lines 5 and 273.",
                "matters": False,
            },
            {
                "kind": "small-class",
                "text": "Chinstrap has only 68 rows: its recall is uncertain by about 5 points.",
                "matters": True,
            },
        ],
        "split": {"kind": "folds", "description": "5 folds, stratified by species", "parts": parts},
        "networks": [
            {"notation": "dense 64, dense 64, dropout 0.1", "layers": layers, "parameters": 5315, "multiply_adds": 5315}
        ],
        "program": {
            "loss": "cross-entropy",
            "optimizer": "adamw",
            "schedule": "cosine",
            "batch_size": 32,
            "augment": [],
        },
        "plan": {"0": {"platform": "cpu", "devices": 2, "mode": "map", "sentence": "spread over 2 cpu devices"}},
        "members": population,
        "selection": {
            "winners": winners,
            "description": "In every fold the member with the lowest validation loss wins.",
            "shipped": f"An ensemble of {len(winners)}: the winner of every fold.",
        },
    }


def member(i: int, rate: float, part: int, seed: int, epochs: int, random: np.random.Generator) -> dict[str, Any]:
    best = int(epochs * np.clip(random.normal(0.02 / (rate**0.5), 0.08), 0.25, 0.95))
    stopped = min(epochs, int(best + 0.3 * epochs))
    return {
        "id": i,
        "network": 0,
        "part": part,
        "seed": seed,
        "recipe": {
            "learning_rate": rate,
            "weight_decay": 0.01,
            "label_smoothing": 0.0,
            "epochs": epochs,
            "dropout": {"3.dropout": 0.1},
        },
        "state": "stopped early" if stopped < epochs else "done",
        "epochs": stopped,
        "best_epoch": best,
        "validation_loss": float(0.035 + 0.02 * abs(np.log10(rate / 0.003)) + abs(random.normal(0, 0.008))),
    }


def curves(
    population: list[dict[str, Any]], epochs: int, paths: list[str], random: np.random.Generator
) -> list[dict[str, Any]]:
    """Falling training losses, validation losses that turn at each member's best epoch."""
    best = np.array([m["best_epoch"] for m in population])
    floor = np.array([m["validation_loss"] for m in population])
    lines = []
    for epoch in range(1, epochs + 1):
        fall = np.exp(-5 * epoch / best)
        training = 1.05 * fall + 0.6 * floor * best / (best + epoch) + abs(random.normal(0, 0.004, len(best)))
        validation = (
            1.0 * fall
            + floor * (1 + 1.4 * np.maximum(0, epoch - best) / best)
            + abs(random.normal(0, 0.006, len(best)))
        )
        validation = np.where(epoch == best, floor, validation)
        rates = [m["recipe"]["learning_rate"] * 0.5 * (1 + np.cos(np.pi * epoch / epochs)) for m in population]
        lines.append(
            {
                "group": 0,
                "epoch": epoch,
                "training_loss": training.tolist(),
                "validation_loss": validation.tolist(),
                "training_accuracy": (1 - 0.35 * training).clip(0, 1).tolist(),
                "validation_accuracy": (1 - 0.35 * validation).clip(0, 1).tolist(),
                "learning_rate": [float(r) for r in rates],
                "gradient_norm": (2.0 * fall + 0.1 + random.exponential(0.05, len(best))).tolist(),
                "update_ratio": {
                    p: (0.004 * fall + 0.0006 * (k + 1) + random.exponential(1e-4, len(best))).tolist()
                    for k, p in enumerate(paths)
                },
                "dead": {p: (0.04 * (k + 1) * (1 - fall)).tolist() for k, p in enumerate(paths[:-1])},
            }
        )
    return lines


def answers(targets: np.ndarray, classes: int, accuracy: float, random: np.random.Generator) -> np.ndarray:
    """Probabilities whose largest is right with about the given accuracy, surer where right."""
    logits = random.normal(0, 1, (len(targets), classes))
    logits[np.arange(len(targets)), targets] += np.where(
        random.random(len(targets)) < accuracy, random.uniform(6, 11, len(targets)), 0.5
    )
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def layer(path: str, kind: str, description: str, shape: list[int], parameters: int, work: int) -> dict[str, Any]:
    return {
        "path": path,
        "kind": kind,
        "description": description,
        "output_shape": shape,
        "parameters": parameters,
        "multiply_adds": work,
    }


def column(
    name: str, kind: str, role: str, *, note: str = "", missing: int = 0, distinct: int = 200, **statistics: Any
) -> dict[str, Any]:
    if kind == "number" and not statistics:
        edges = np.linspace(0, 100, 21)
        counts = np.exp(-(((edges[:-1] - 10 * (len(name) % 9)) / 22) ** 2)) * 60
        statistics = {
            "minimum": 0.5,
            "maximum": 99.5,
            "histogram": {"edges": edges.tolist(), "counts": counts.astype(int).tolist()},
        }
    return {
        "name": name,
        "kind": kind,
        "role": role,
        "position": 0,
        "categories": [],
        "missing": missing,
        "distinct": distinct,
        "note": note,
        "statistics": statistics,
    }


PENGUIN_COLUMNS = [
    column("species", "category", "target", distinct=3, top=[["Adelie", 152], ["Gentoo", 124], ["Chinstrap", 68]]),
    column("island", "category", "feature", distinct=3, top=[["Biscoe", 168], ["Dream", 124], ["Torgersen", 52]]),
    column("bill_length_mm", "number", "feature", missing=2, distinct=164),
    column("bill_depth_mm", "number", "feature", missing=2, distinct=80),
    column("flipper_length_mm", "number", "feature", missing=2, distinct=55),
    column("body_mass_g", "number", "feature", missing=2, distinct=94),
    column("sex", "category", "feature", missing=11, distinct=2, top=[["male", 168], ["female", 165]]),
    column("year", "number", "feature", distinct=3),
    column(
        "ring_number",
        "identifier",
        "left out",
        distinct=344,
        note="Unique in every row, so nothing can be learned from it.",
    ),
]


def verdict(
    sentence: str,
    score: float,
    interval: tuple[float, float],
    baselines: dict[str, Any],
    *,
    best: str,
    rows: int,
    metric: str = "accuracy",
) -> dict[str, Any]:
    names = ("score", "interval", "difference", "difference_interval", "settings")
    return {
        "sentence": sentence,
        "metric": metric,
        "greater_is_better": True,
        "score": score,
        "interval": list(interval),
        "interval_method": "Wilson",
        "rows": rows,
        "rows_kind": "out of fold",
        "baselines": {n: dict(zip(names, values, strict=True)) | {"seconds": 0.4} for n, values in baselines.items()},
        "best_baseline": best,
        "notes": ["Scores are out of fold: every row was judged by networks that never saw it."],
    }
