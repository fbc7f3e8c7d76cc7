"""Memory: how far back the loss gradient reaches in a recurrent network, and what its gates do on one example."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.views.curves import short
from lamina.views.record import Record

FADED = 0.01  # of its largest: what a layer hardly learns from any more
GROWN = 10.0  # times what it is at the end: it explodes rather than fades
LINES = 6  # features that are drawn as lines; more become a picture
NOUNS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
KEEPER = {"lstm": "forget gate", "gru": "update gate"}
ABSENT = "This run keeps nothing of a recurrent layer."


def memory_view(record: Record) -> dict[str, Any]:
    """The gradient back in time of each direction of each recurrent layer, and the gates while one example is read.

    ``layers``: curves over the steps back, mean and the quantiles of 10 and 90 % over ``examples``; ``example``: which
    one the gates are of, and what it looks like; ``gates``: pictures of units by time, as bytes in base64. Both have a
    ``reading``, a sentence of what is seen.
    """
    kept = record.memory
    if "directions" not in kept or "gated" not in kept:
        return {"absent": ABSENT}
    ways = [tuple(map(str, row)) for row in kept["directions"]]
    layers = [_layer(kept, at, way, ways) for at, way in enumerate(ways) if len(kept[f"{at}/steps"])]
    if not layers:
        return {"absent": ABSENT}
    gated = [tuple(map(str, row)) for row in kept["gated"]]
    return {
        "examples": int(kept["examples"]),
        "layers": layers,
        "example": _example(record),
        "gates": [_gates(kept, at, way, ways) for at, way in enumerate(gated) if int(kept[f"{at}/time"])],
    }


# --- the gradient ----------------------------------------------------------------------------------------------------


def _layer(kept: dict[str, np.ndarray], at: int, way: Sequence[str], ways: Sequence[Sequence[str]]) -> dict[str, Any]:
    steps = kept[f"{at}/steps"].tolist()
    states = [name for name in ("hidden", "cell") if f"{at}/{name}" in kept]
    label = label_of(way, ways)
    return {
        "label": label,
        "kind": way[1],
        "steps": steps,
        "curves": [_curve(name, kept[f"{at}/{name}"]) for name in states],
        "reading": reading(label, steps, kept[f"{at}/hidden"][0]),
    }


def label_of(way: Sequence[str], ways: Sequence[Sequence[str]]) -> str:
    """A direction of a layer for people: its path, and the direction where there are two.

    >>> label_of(("1.lstm", "lstm", "forward"), [("1.lstm", "lstm", "forward")])
    '1.lstm'
    """
    return f"{way[0]} {way[2]}" if sum(other[0] == way[0] for other in ways) > 1 else way[0]


def _curve(name: str, values: np.ndarray) -> dict[str, Any]:
    mean, low, high = ([short(v) for v in row] for row in values)
    return {"name": f"{name} state", "mean": mean, "low": low, "high": high}


def reading(label: str, steps: Sequence[int], mean: np.ndarray) -> str:
    """What a curve shows, in a sentence: it fades, it explodes, or it reaches the beginning.

    >>> reading("1.rnn", [0, 1, 2, 3], np.array([1.0, 0.1, 0.001, 0.0001]))
    'In 1.rnn the gradient fades: from 2 steps back on it is below a hundredth of its largest.'
    """
    if len(steps) < 2 or not np.isfinite(mean).all() or not mean.max() > 0:
        return ""
    start = f"In {label} the gradient"
    if mean[-1] > GROWN * mean[0]:
        times = f"{mean[-1] / max(mean[0], 1e-300):,.0f} times"
        return f"{start} grows: {steps[-1]:,} steps back it is {times} what it is at the end."
    small = mean < FADED * mean.max()
    if small[-1]:
        first = len(small) - int(np.argmin(small[::-1])) if not small.all() else 0
        return f"{start} fades: from {steps[first]:,} steps back on it is below a hundredth of its largest."
    share = f"{100 * mean[-1] / mean.max():.0f} %"
    return f"{start} reaches the beginning, {steps[-1]:,} steps back, where it is {share} of its largest."


# --- the gates -------------------------------------------------------------------------------------------------------


def _example(record: Record) -> dict[str, Any]:
    """The example that was read: its name, its class, and its channels as lines or as one picture."""
    kept = record.memory
    values, steps = kept["input"], int(kept["input_steps"])
    row, answers = int(kept["row"]), record.answers
    found: dict[str, Any] = {"name": "", "true": "", "steps": steps, "lines": [], "picture": None}
    if answers is not None and row < len(answers.names):
        classes = (record.run.get("task") or {}).get("classes") or []
        target = answers.targets[row]
        named = str(classes[int(target)]) if classes and int(target) < len(classes) else f"{short(target):g}"
        found |= {"name": str(answers.names[row]), "true": named}
    if values.shape[1] > LINES:
        return found | {"picture": _picture("", values, *_ends(values))}
    return found | {"lines": [[short(v, 3) for v in channel] for channel in values.T]}


def _gates(kept: dict[str, np.ndarray], at: int, way: Sequence[str], ways: Sequence[Sequence[str]]) -> dict[str, Any]:
    start = f"{at}/gate/"
    pictures = {name.removeprefix(start): of.astype(np.float32) for name, of in kept.items() if name.startswith(start)}
    lives = kept[f"{at}/half_lives"]
    return {
        "label": label_of(way, ways),
        "kind": way[1],
        "steps": int(kept[f"{at}/time"]),
        "units": [int(unit) for unit in kept[f"{at}/units"]],
        "features": len(lives),
        "pictures": [_picture(name, of, *_range(name, of)) for name, of in pictures.items()],
        "reading": half_life_sentence(label_of(way, ways), way[1], lives),
    }


def _range(name: str, values: np.ndarray) -> tuple[float, float]:
    """What a picture's colours go from and to: a gate's 0 to 1, and as far below zero as above where there is both."""
    if name in ("input", "forget", "output", "reset", "update"):
        return 0.0, 1.0
    most = float(np.abs(values).max()) if name == "cell" else 1.0
    return -most, most


def _ends(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, (0.01, 0.99))
    return float(low), float(max(high, low + 1e-9))


def _picture(name: str, values: np.ndarray, low: float, high: float) -> dict[str, Any]:
    """Values [columns, rows] as one byte each, row by row; the colours go from ``low`` to ``high``."""
    share = (values.T - low) / ((high - low) or 1.0)
    content = np.clip(np.nan_to_num(share) * 255, 0, 255).round().astype(np.uint8)
    return {
        "name": name,
        "rows": content.shape[0],
        "columns": content.shape[1],
        "low": short(low, 3),
        "high": short(high, 3),
        "bytes": base64.b64encode(content.tobytes()).decode("ascii"),
    }


def half_life_sentence(label: str, kind: str, lives: np.ndarray) -> str:
    """How long the units keep what they have, by the gate that keeps it.

    >>> half_life_sentence("1.gru", "gru", np.array([250.0, 4.0, 1.5]))
    'By the update gate of 1.gru, half of what a unit holds is gone after 4 steps (the middle unit; from 1.5 to 250).'
    """
    if not len(lives):
        return ""
    low, middle, high = (_steps(float(np.sort(lives)[at])) for at in (0, len(lives) // 2, -1))
    middle = "1 step" if middle == "1" else f"{middle} steps"
    return (
        f"By the {KEEPER[kind]} of {label}, half of what a unit holds is gone after {middle} "
        f"(the middle unit; from {low} to {high})."
    )


def _steps(life: float) -> str:
    if not math.isfinite(life):
        return "never"
    return f"{life:,.0f}" if life >= 10 else f"{life:.2g}"
