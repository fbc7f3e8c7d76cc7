"""Learning curves: every member's measurements over the epochs, thinned to what a page can show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lamina.views.record import Record

PARTS = ("training", "validation")
NUMBERS = (
    60_000  # how many numbers of all curves a page holds: 60 members x 4 series x 250 epochs, about half a megabyte
)
TITLES = {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "f1": "F1"}
FEWEST, MOST = 30, 250  # epochs kept of a curve
DETAILED = 12  # members that keep their gradients, updates and dead units by layer
DETAILED_EPOCHS = 80
SHARES = frozenset({"accuracy", "balanced accuracy"})  # measures that read well as per cent


def curves_view(record: Record, *, numbers: int = NUMBERS) -> dict[str, Any]:
    """The learning curves of all members, thinned to about so many numbers in all.

    ``series`` are what was measured on training and validation rows: the loss, then the metrics. ``groups`` hold the
    epochs kept; ``members`` their curves at these epochs (None where a member had stopped or diverged), with the best
    epoch; ``details`` the gradient norm, learning rate, update ratio and dead share by layer of the winners and a few
    more; ``reading`` says in a sentence what the first winner's curve shows.

    >>> curves_view(Record({"members": []}))
    {'absent': 'No epoch has been recorded yet.'}
    """
    groups = _groups(record)
    if not groups:
        return {"absent": "No epoch has been recorded yet."}
    members = {int(m["id"]): m for m in record.run.get("members", [])}
    winners = _winners(record.run)
    curves = {
        i: _Curve(i, g, lines, place, members[i])
        for g, lines in groups.items()
        for i, place in _places(lines, g, members)
    }
    order = sorted(curves, key=lambda i: (i not in winners, _best_loss(members[i]), i))
    series = _series(record.history)
    grids = _grids(groups, curves, set(winners), series, numbers)
    return {
        "series": [{"name": name, "title": metric_title(name, record.run), "share": name in SHARES} for name in series],
        "groups": [{"id": g, "epochs": grids[g]} for g in groups],
        "members": [_member(curves[i], grids[curves[i].group], series, i in winners, record.run) for i in order],
        "details": {str(i): _details(curves[i]) for i in order[:DETAILED]},
        "reading": _reading(curves[order[0]], record.run) if order else "",
    }


class _Curve:
    """One member's lines in the history of its group."""

    def __init__(
        self, id: int, group: int, lines: dict[int, dict[str, Any]], place: int, member: dict[str, Any]
    ) -> None:
        self.id, self.group, self.member, self.place = id, group, member, place
        last = member.get("epochs") or math.inf
        self.lines = {epoch: line for epoch, line in lines.items() if epoch <= last}

    def values(self, name: str, epochs: Iterable[int]) -> list[float | None]:
        """A series at some epochs."""
        return [self._value(self.lines.get(e, {}).get(name)) for e in epochs]

    def by_layer(self, name: str, epochs: Sequence[int]) -> dict[str, list[float | None]]:
        """A series that has a value for each layer, by the layer's path."""
        paths = dict.fromkeys(path for line in self.lines.values() for path in line.get(name) or {})
        return {p: [self._value((self.lines.get(e, {}).get(name) or {}).get(p)) for e in epochs] for p in paths}

    def _value(self, values: Any) -> float | None:
        if not isinstance(values, list):
            return short(values)
        return short(values[self.place]) if self.place < len(values) else None


def short(value: Any, digits: int = 4) -> float | None:
    """A number with a few digits, as a page needs; None for what is missing, NaN or infinite.

    >>> short(0.123456), short(float("nan")), short(None)
    (0.1235, None, None)
    """
    if not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def metric_title(name: str, run: dict[str, Any]) -> str:
    """A measure's name as a heading; what the history calls just "metric" is the verdict's.

    >>> metric_title("rmse", {}), metric_title("accuracy", {})
    ('RMSE', 'Accuracy')
    """
    if name == "metric":
        name = str((run.get("verdict") or {}).get("metric") or name)
    return TITLES.get(name, name[:1].upper() + name[1:])


def _series(history: tuple[dict[str, Any], ...]) -> list[str]:
    """What was measured on both parts, the loss first."""
    names = dict.fromkeys(
        key.removeprefix("training_") for line in history for key in line if key.startswith("training_")
    )
    return sorted(names, key=lambda name: name != "loss")


def _groups(record: Record) -> dict[int, dict[int, dict[str, Any]]]:
    """History lines by group and epoch; after a resume the later line of an epoch counts."""
    groups: dict[int, dict[int, dict[str, Any]]] = {}
    for line in record.history:
        groups.setdefault(int(line.get("group", 0)), {})[int(line["epoch"])] = line
    return {g: dict(sorted(lines.items())) for g, lines in sorted(groups.items())}


def _places(lines: dict[int, dict[str, Any]], group: int, members: dict[int, dict[str, Any]]) -> list[tuple[int, int]]:
    """(member, place in the group's lists): as the line says, otherwise the members of the group's network in order."""
    named = next((line["members"] for line in lines.values() if "members" in line), None)
    ids = named if named is not None else [i for i, m in members.items() if int(m.get("network", 0)) == group]
    return [(int(i), place) for place, i in enumerate(ids) if int(i) in members]


def _winners(run: dict[str, Any]) -> list[int]:
    return [int(i) for i in (run.get("selection") or {}).get("winners", [])]


def _best_loss(member: dict[str, Any]) -> float:
    loss = member.get("validation_loss")
    return loss if isinstance(loss, (int, float)) and math.isfinite(loss) else math.inf


def _grids(
    groups: dict[int, dict[int, Any]], curves: dict[int, _Curve], winners: set[int], series: list[str], numbers: int
) -> dict[int, list[int]]:
    """The epochs kept of each group: evenly thinned, always with the first, the last and the winners' best."""
    most = max(FEWEST, min(MOST, numbers // max(1, len(curves) * len(PARTS) * len(series))))
    best = {
        g: {curves[i].member.get("best_epoch") for i in winners if i in curves and curves[i].group == g} for g in groups
    }
    return {g: thin(list(lines), most, keep=best[g]) for g, lines in groups.items()}


def thin(epochs: Sequence[int], most: int, *, keep: Iterable[int | None] = ()) -> list[int]:
    """At most about ``most`` of the epochs, evenly spread, with the first, the last and those to keep.

    >>> thin(range(1, 101), 4, keep=[50])
    [1, 34, 50, 67, 100]
    """
    if len(epochs) <= most:
        return list(epochs)
    places = np.linspace(0, len(epochs) - 1, most).round().astype(int)
    return sorted({epochs[i] for i in places} | (set(epochs) & set(keep)))


def _member(
    curve: _Curve, epochs: Sequence[int], series: list[str], winner: bool, run: dict[str, Any]
) -> dict[str, Any]:
    member, best = curve.member, curve.member.get("best_epoch")
    values = {name: {part: curve.values(f"{part}_{name}", epochs) for part in PARTS} for name in series}
    return {
        "id": curve.id,
        "group": curve.group,
        "label": member_label(member, run),
        "winner": winner,
        "state": member.get("state", ""),
        "best": {"epoch": best, **{n: curve.values(f"validation_{n}", [best])[0] for n in series}} if best else None,
        "curves": {name: {part: _trimmed(v) for part, v in parts.items()} for name, parts in values.items()},
    }


def _trimmed(values: list[float | None]) -> list[float | None]:
    """Without the Nones at the end, which a member that stopped early would fill a page with."""
    while values and values[-1] is None:
        values.pop()
    return values


def _details(curve: _Curve) -> dict[str, Any]:
    epochs = thin(list(curve.lines), DETAILED_EPOCHS)
    return {
        "epochs": epochs,
        "learning_rate": curve.values("learning_rate", epochs),
        "gradient_norm": curve.values("gradient_norm", epochs),
        "update_ratio": curve.by_layer("update_ratio", epochs),
        "dead": curve.by_layer("dead", epochs),
    }


ALL_ROWS = "all rows"


def part_label(part: int, split: dict[str, Any]) -> str:
    """A part of the split by its number, or that it has all rows that are not for the test.

    >>> part_label(1, {"parts": [1, 2]}), part_label(1, {"parts": [1, 2], "refits": 1})
    ('part 2', 'all rows')
    """
    refits = int(split.get("refits") or 0)
    return ALL_ROWS if refits and part >= len(split["parts"]) - refits else f"part {part + 1}"


def member_label(member: dict[str, Any], run: dict[str, Any]) -> str:
    """A member's name for people: its number, and what tells it from the others.

    >>> member_label({"id": 3, "part": 1, "recipe": {"learning_rate": 0.01}}, {"split": {"parts": [1, 2]}})
    'member 3, learning rate 0.01, part 2'
    """
    words = [f"member {member['id']}"]
    rate = short((member.get("recipe") or {}).get("learning_rate"), 3)
    if rate is not None:
        words.append(f"learning rate {rate:g}")
    split = run.get("split") or {}
    if len(split.get("parts", [])) > 1:
        words.append(part_label(int(member.get("part", 0)), split))
    if len(run.get("networks", [])) > 1:
        words.append(f"network {int(member.get('network', 0)) + 1}")
    return ", ".join(words)


def _reading(curve: _Curve, run: dict[str, Any]) -> str:
    """What a winner's curve shows, in one sentence, by three plain rules."""
    if part_label(int(curve.member.get("part", 0)), run.get("split") or {}) == ALL_ROWS:
        return (
            "It learned from all rows that are not for the test, so what is called validation here are rows it learned "
            "from: the curves of the members on single parts show how well unseen rows are answered."
        )
    best, last = curve.member.get("best_epoch"), max(curve.lines, default=0)
    if not best or best not in curve.lines:
        return ""
    (at_best, at_last), (fit_best, fit_last) = (
        curve.values(s, [best, last]) for s in ("validation_loss", "training_loss")
    )
    if at_best is None or at_last is None or fit_best is None or fit_last is None:
        return ""
    if best > 0.95 * last:
        return f"Validation loss was still at its lowest at epoch {best} of {last}: more epochs might help."
    rise = (at_last - at_best) / max(abs(at_best), 1e-12)
    if rise > 0.05 and fit_last < fit_best:
        return (
            f"After epoch {best} training loss went on falling while validation loss rose by {100 * rise:.0f} %: "
            f"overfitting. The weights of epoch {best} are the ones kept."
        )
    return (
        f"Validation loss stopped improving after epoch {best} of {last}; the weights of that epoch are the ones kept."
    )
