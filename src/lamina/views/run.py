"""Views: a run as plain JSON-ready values, one view for each widget of the page. The terminal prints the same values.

A view whose values are missing is ``{"absent": "why, in a sentence"}``. Numbers that are NaN or infinite are None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lamina.training.recipe import products
from lamina.views.curves import NUMBERS, curves_view, member_label, metric_title, short
from lamina.views.memory import memory_view
from lamina.views.mistakes import mistakes_view
from lamina.views.outcomes import calibration_view, confusion_view
from lamina.views.record import Record, read

__all__ = [
    "calibration_view",
    "confusion_view",
    "curves_view",
    "members_view",
    "memory_view",
    "mistakes_view",
    "network_view",
    "notes_view",
    "repeat_view",
    "schema_view",
    "verdict_view",
    "view",
    "view_record",
]

BOUNDS = (("minimum", "first"), ("maximum", "last"))
COLUMNS = 400  # columns of the schema that a page lists
UNJUDGED = {
    "training": "This run is still training, so there is no score yet.",
    "stopped": "This run was stopped before its score was read.",
    "failed": "This run failed before it had a score.",
}


def view(folder: str | Path) -> dict[str, Any]:
    """All views of the run in a folder. Raises RunError where it can't be read."""
    return view_record(read(folder))


def view_record(record: Record, *, numbers: int = NUMBERS) -> dict[str, Any]:
    """All views of a record, by the name of the widget that shows them; ``numbers`` as in ``curves_view``.

    >>> sorted(view_record(Record({"name": "made"})))[:4]
    ['calibration', 'confusion', 'curves', 'kind']
    """
    run = record.run
    return {
        "name": str(run.get("name", "run")),
        "state": str(run.get("state", "")),
        "task": run.get("task") or {},
        "kind": (run.get("data") or {}).get("kind", ""),
        "verdict": verdict_view(record),
        "curves": curves_view(record, numbers=numbers),
        "members": members_view(record),
        "confusion": confusion_view(record),
        "calibration": calibration_view(record),
        "mistakes": mistakes_view(record),
        "memory": memory_view(record),
        "network": network_view(record),
        "schema": schema_view(record),
        "notes": notes_view(record),
        "repeat": repeat_view(record),
    }


# --- the verdict ----------------------------------------------------------------------------------------------------


def verdict_view(record: Record) -> dict[str, Any]:
    """The sentence, the network among its baselines (best first) with intervals, and a few facts.

    ``standing`` against the best baseline is "ahead", "behind" or "level" (the difference's interval contains 0).
    ``domain`` is the range worth drawing: scores far below the others are left out of it and marked ``off_scale``.
    """
    run, verdict = record.run, record.run.get("verdict")
    if not verdict:
        state = str(run.get("state", ""))
        told = [UNJUDGED.get(state, "This run has no score."), str(run.get("failure") or ""), _best_so_far(run)]
        return {"sentence": " ".join(filter(None, told)), "entries": [], "facts": facts(run), "notes": []}
    greater = bool(verdict.get("greater_is_better", True))
    entries = sorted(_entries(verdict), key=lambda e: _rank(e, greater))
    domain = _domain(entries)
    best = next((e for e in entries if e["name"] == verdict.get("best_baseline")), None)
    return {
        "sentence": str(verdict.get("sentence", "")),
        "metric": metric_title(str(verdict.get("metric", "score")), run),
        "greater_is_better": greater,
        "decimals": _decimals(verdict),
        "interval_method": str(verdict.get("interval_method", "")),
        "standing": best["standing"] if best else None,
        "best_baseline": best["name"] if best else None,
        "domain": domain,
        "entries": [{**e, "off_scale": _off_scale(e["score"], domain)} for e in entries],
        "facts": facts(run),
        "notes": [str(n) for n in verdict.get("notes", [])],
    }


def _best_so_far(run: dict[str, Any]) -> str:
    """The member that validates best, for a run without a score."""
    members = [m for m in run.get("members", []) if short(m.get("validation_loss")) is not None and m.get("best_epoch")]
    if not members:
        return ""
    best = min(members, key=lambda m: m["validation_loss"])
    return (
        f"The best so far is {member_label(best, run)}: validation loss {short(best['validation_loss']):g} "
        f"at epoch {best['best_epoch']}."
    )


def _entries(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    network = {
        "name": "network",
        "network": True,
        "score": short(verdict.get("score"), 6),
        "interval": _pair(verdict.get("interval")),
    }
    empty = {"difference": None, "difference_interval": None, "standing": None, "settings": "", "seconds": None}
    baselines = (_baseline(name, b) for name, b in (verdict.get("baselines") or {}).items())
    return [{**network, **empty}, *baselines]


def _baseline(name: str, baseline: dict[str, Any]) -> dict[str, Any]:
    between = _pair(baseline.get("difference_interval"))
    return {
        "name": str(name),
        "network": False,
        "score": short(baseline.get("score"), 6),
        "interval": _pair(baseline.get("interval")),
        "difference": short(baseline.get("difference"), 6),
        "difference_interval": between,
        "standing": _standing(between),
        "settings": settings_text(baseline.get("settings")),
        "seconds": short(baseline.get("seconds"), 3),
    }


def _standing(between: list[float] | None) -> str | None:
    """Where the network stands, from the interval of how much better it is than the baseline."""
    if between is None:
        return None
    if between[0] <= 0 <= between[1]:
        return "level"
    return "ahead" if between[0] > 0 else "behind"


def settings_text(settings: Any) -> str:
    """Settings as words.

    >>> settings_text({"C": 1.0, "kernel": "rbf"})
    'C = 1.0, kernel = rbf'
    """
    if isinstance(settings, dict):
        return ", ".join(f"{k} = {v}" for k, v in settings.items())
    return "" if settings is None else str(settings)


def _pair(values: Any) -> list[float] | None:
    pair = [short(v, 6) for v in values] if isinstance(values, (list, tuple)) and len(values) == 2 else [None]
    return pair if None not in pair else None  # type: ignore[return-value]


def _rank(entry: dict[str, Any], greater: bool) -> tuple[bool, float, bool]:
    score = entry["score"]
    return score is None, 0.0 if score is None else (-score if greater else score), not entry["network"]


def _decimals(verdict: dict[str, Any]) -> int:
    """Decimals that a score deserves: about a tenth of its interval's half width."""
    interval, score = _pair(verdict.get("interval")), short(verdict.get("score"))
    width = (interval[1] - interval[0]) / 2 if interval else abs(score or 0) / 20
    return min(6, max(0, 1 - round(math.log10(width)))) if width > 0 else 3


def _domain(entries: list[dict[str, Any]]) -> list[float] | None:
    """The range worth drawing: while the worst baseline stretches it more than twofold, that baseline is left out."""
    scored = [e for e in entries if e["score"] is not None]
    spans = [(min(i), max(i)) for e in scored for i in [[e["score"], *(e["interval"] or [])]]]
    if not spans:
        return None
    while len(spans) > 2 and not scored[len(spans) - 1]["network"] and _width(spans[:-1]) < _width(spans) / 2:
        spans = spans[:-1]
    low, high = min(s[0] for s in spans), max(s[1] for s in spans)
    pad = (high - low) * 0.06 or abs(high) * 0.05 or 0.5
    inside = low >= 0 and high <= 1
    return [round(low - pad, 9), round(min(high + pad, 1.0) if inside else high + pad, 9)]


def _width(spans: list[tuple[float, float]]) -> float:
    return max(s[1] for s in spans) - min(s[0] for s in spans)


def _off_scale(score: float | None, domain: list[float] | None) -> bool:
    return score is not None and domain is not None and not domain[0] <= score <= domain[1]


def facts(run: dict[str, Any]) -> list[dict[str, str]]:
    """What one wants to know beside the score: the rows judged, the population, the network, the time."""
    verdict, data, task = run.get("verdict") or {}, run.get("data") or {}, run.get("task") or {}
    winner = _shipped_networks(run)
    sizes = [n.get("parameters") for i, n in enumerate(run.get("networks", [])) if i in winner or not winner]
    pairs = [
        ("Task", _task_text(task)),
        ("Data", f"{data['rows']:,} rows" if data.get("rows") else ""),
        ("Judged on", _judged(verdict)),
        ("Split", str((run.get("split") or {}).get("description", ""))),
        ("Population", counted(len(run.get("members", [])), "member")),
        ("Network", f"{sizes[0]:,} parameters" if sizes and sizes[0] else ""),
        ("Time", duration(run.get("seconds"))),
        ("Test rows opened", times(data.get("test_openings"))),
    ]
    return [{"name": name, "text": text} for name, text in pairs if text]


def _judged(verdict: dict[str, Any]) -> str:
    """How many rows were judged, and how they were kept apart."""
    return ", ".join(filter(None, [counted(verdict.get("rows") or 0, "row"), str(verdict.get("rows_kind") or "")]))


def _task_text(task: dict[str, Any]) -> str:
    if not task:
        return ""
    classes = len(task.get("classes") or [])
    return f"{task.get('target', '')}, {classes} classes" if classes else f"{task.get('target', '')}, a number"


def counted(n: int, noun: str) -> str:
    """A number with its noun; nothing for none.

    >>> counted(2, "member"), counted(0, "member")
    ('2 members', '')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}" if n else ""


def times(n: int | None) -> str:
    """How often, in words: once, twice, 3 times."""
    return "" if not n else {1: "once", 2: "twice"}.get(n, f"{n} times")


def duration(seconds: float | None) -> str:
    """Seconds as people say them.

    >>> duration(8.24), duration(75), duration(7322)
    ('8.2 s', '1 min 15 s', '2 h 2 min')
    """
    if not seconds or not math.isfinite(seconds):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# --- the population and its networks --------------------------------------------------------------------------------


def members_view(record: Record) -> dict[str, Any]:
    """A table of members, best validation loss first: ``columns`` that tell them apart, ``rows``, sentences."""
    run = record.run
    members = run.get("members", [])
    if not members:
        return {"absent": "This run has no members yet."}
    selection = run.get("selection") or {}
    winners, varying = set(selection.get("winners", [])), _varying(members, run)
    rows = [_member_row(m, varying, m.get("id") in winners) for m in members]
    return {
        "columns": [{"key": key, "title": title} for key, title in _columns(varying, run)],
        "rows": sorted(rows, key=lambda r: (r["validation_loss"] is None, r["validation_loss"] or 0.0, r["id"])),
        "description": str(selection.get("description", "")),
        "shipped": str(selection.get("shipped", "")),
        "states": _tally(str(m.get("state", "")) for m in members),
    }


def _varying(members: list[dict[str, Any]], run: dict[str, Any]) -> list[str]:
    """Which recipe numbers differ between members (a learning rate is always worth a column)."""
    names = dict.fromkeys(name for m in members for name in _recipe(m))
    told = [n for n in names if n == "learning_rate" or len({_recipe(m).get(n) for m in members}) > 1]
    return sorted(told, key=lambda n: n != "learning_rate")


def _recipe(member: dict[str, Any]) -> dict[str, float | None]:
    """A recipe's numbers, dropout rates by their layer."""
    flat: dict[str, float | None] = {}
    for name, value in (member.get("recipe") or {}).items():
        nested = value if isinstance(value, dict) else {None: value}
        flat.update({name if path is None else f"{name} {path}": short(v) for path, v in nested.items()})
    return flat


def _columns(varying: list[str], run: dict[str, Any]) -> list[tuple[str, str]]:
    several = [("network", "network")] if len(run.get("networks", [])) > 1 else []
    parts = [("part", "part")] if len((run.get("split") or {}).get("parts", [])) > 1 else []
    seeds = [("seed", "seed")] if len({m.get("seed") for m in run["members"]}) > 1 else []
    recipe = [(name, name.replace("_", " ")) for name in varying]
    measured = [
        ("epochs", "epochs"),
        ("best_epoch", "best epoch"),
        ("validation_loss", "validation loss"),
        ("state", "state"),
    ]
    return [("id", "member"), *several, *recipe, *parts, *seeds, *measured]


def _member_row(member: dict[str, Any], varying: list[str], winner: bool) -> dict[str, Any]:
    recipe = _recipe(member)
    return {
        "id": member.get("id"),
        "winner": winner,
        "network": int(member.get("network", 0)) + 1,
        "part": int(member.get("part", 0)) + 1,
        "seed": member.get("seed"),
        **{name: recipe.get(name) for name in varying},
        "epochs": member.get("epochs"),
        "best_epoch": member.get("best_epoch") or None,
        "validation_loss": short(member.get("validation_loss")),
        "state": str(member.get("state", "")),
    }


def _tally(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def _shipped_networks(run: dict[str, Any]) -> set[int]:
    winners = set((run.get("selection") or {}).get("winners", []))
    return {int(m.get("network", 0)) for m in run.get("members", []) if m.get("id") in winners}


def network_view(record: Record) -> dict[str, Any]:
    """Each network: notation, sizes, its layer table with every layer's share of the parameters; and the program."""
    run = record.run
    if not run.get("networks"):
        return {"absent": "This run has no network yet."}
    shipped = _shipped_networks(run)
    networks = [_network(n, i in shipped) for i, n in enumerate(run["networks"])]
    program = {name: settings_text(_joined(value)) for name, value in (run.get("program") or {}).items()}
    return {
        "networks": sorted(networks, key=lambda n: not n["shipped"]),
        "program": [{"name": k.replace("_", " "), "text": v} for k, v in program.items() if v],
    }


def _joined(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _network(network: dict[str, Any], shipped: bool) -> dict[str, Any]:
    layers = network.get("layers", [])
    work = max([layer.get("multiply_adds") or 0 for layer in layers], default=0)
    weights = max([layer.get("parameters") or 0 for layer in layers], default=0)
    return {
        "notation": str(network.get("notation", "")),
        "shipped": shipped,
        "parameters": network.get("parameters"),
        "multiply_adds": network.get("multiply_adds"),
        "layers": [_layer(layer, weights, work) for layer in layers],
    }


def _layer(layer: dict[str, Any], weights: int, work: int) -> dict[str, Any]:
    """A row of the layer table; ``weight`` and ``work`` are relative to the largest layer, for bars."""
    parameters, multiply_adds = layer.get("parameters") or 0, layer.get("multiply_adds") or 0
    return {
        "path": str(layer.get("path", "")),
        "kind": str(layer.get("kind", "")),
        "description": str(layer.get("description", "")),
        "shape": shape_text(layer.get("output_shape")),
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "weight": round(parameters / weights, 4) if weights else 0,
        "work": round(multiply_adds / work, 4) if work else 0,
    }


def shape_text(shape: Any) -> str:
    """A shape as people write it.

    >>> shape_text([26, 26, 32])
    '26 × 26 × 32'
    """
    return " × ".join(map(str, shape)) if isinstance(shape, (list, tuple)) else str(shape if shape is not None else "")


# --- the data -------------------------------------------------------------------------------------------------------


def schema_view(record: Record) -> dict[str, Any]:
    """The columns as Lamina understood them: kind, role, missing, distinct, a small picture of the values, a note."""
    schema = record.run.get("schema") or {}
    columns = schema.get("columns") or []
    if not columns:
        return {"absent": "This run names no columns."}
    rows = schema.get("rows") or (record.run.get("data") or {}).get("rows") or 0
    return {
        "target": str(schema.get("target") or ""),
        "rows": rows,
        "columns": [_column(c, rows) for c in columns[:COLUMNS]],
        "left_out": max(0, len(columns) - COLUMNS),
    }


def _column(column: dict[str, Any], rows: int) -> dict[str, Any]:
    statistics = column.get("statistics") or {}
    missing = column.get("missing") or 0
    return {
        "name": str(column.get("name", "")),
        "kind": str(column.get("kind", "")),
        "role": str(column.get("role", "")),
        "missing": missing,
        "missing_share": round(missing / rows, 4) if rows else None,
        "distinct": column.get("distinct"),
        "note": str(column.get("note") or statistics.get("rule") or ""),
        "histogram": _histogram(statistics.get("histogram")),
        "top": _top(statistics.get("top")),
        "range": _range(statistics),
    }


def _histogram(histogram: Any) -> dict[str, Any] | None:
    """Counts and edges of a histogram, where a schema keeps one."""
    counts = histogram.get("counts") if isinstance(histogram, dict) else histogram
    if not isinstance(counts, (list, tuple)) or not counts:
        return None
    edges = histogram.get("edges", []) if isinstance(histogram, dict) else []
    return {
        "counts": [short(c) or 0 for c in counts],
        "edges": [short(e) if isinstance(e, (int, float)) else str(e) for e in edges],
    }


def _top(top: Any) -> list[dict[str, Any]]:
    """The most frequent values with their counts."""
    pairs = top.items() if isinstance(top, dict) else top or []
    return [{"value": str(value), "count": int(count)} for value, count in list(pairs)[:6]]


def _range(statistics: dict[str, Any]) -> str:
    """From where to where: numbers, moments, or the size of pictures."""
    if "height" in statistics and "width" in statistics:
        channels = counted(statistics.get("channels") or 0, "channel")
        return f"{statistics['height']} × {statistics['width']} pixels, {channels}"
    low, high = (next((statistics[n] for n in names if statistics.get(n) is not None), None) for names in BOUNDS)
    return f"{_bound(low)} to {_bound(high)}" if low is not None and high is not None else ""


def _bound(value: Any) -> str:
    return f"{short(value):g}" if short(value) is not None else str(value).removesuffix(".000000").replace("T", " ")


def notes_view(record: Record) -> dict[str, Any]:
    """What Lamina handled by itself, what matters first."""
    notes = [n for n in record.run.get("notes") or [] if n.get("text")]
    items = [{"kind": str(n.get("kind", "")), "text": str(n["text"]), "matters": bool(n.get("matters"))} for n in notes]
    return {"items": sorted(items, key=lambda n: not n["matters"])}


def repeat_view(record: Record) -> dict[str, Any]:
    """All it takes to do it again: the command, the data's hash, seeds, the plan, versions and the machine."""
    run = record.run
    data = run.get("data") or {}
    return {
        "command": str(run.get("command", "")),
        "created": str(run.get("created", "")),
        "parent": str(run.get("parent") or ""),
        "data": [
            {"name": "file", "text": str(data.get("path", ""))},
            {"name": "sha-256", "text": str(data.get("sha256", ""))},
            {"name": "bytes", "text": f"{data['bytes']:,}" if data.get("bytes") else ""},
        ],
        "seeds": _seeds(run.get("members", [])),
        "plan": [*_plans(run.get("plan")), {"name": "products", "text": products(run.get("program") or {})}],
        "versions": _pairs(run.get("versions")),
    }


def _plans(plans: Any) -> list[dict[str, str]]:
    """How each network's population was laid out, in words."""
    sentences = [str(plan.get("sentence", "")) for plan in (plans or {}).values() if isinstance(plan, dict)]
    names = [f"plan of network {at}" if len(sentences) > 1 else "plan" for at in range(len(sentences))]
    return [{"name": name, "text": text} for name, text in zip(names, sentences, strict=True)]


def _seeds(members: list[dict[str, Any]]) -> str:
    seeds = sorted({m["seed"] for m in members if m.get("seed") is not None})
    return ", ".join(map(str, seeds[:12])) + (f", … ({len(seeds)} in all)" if len(seeds) > 12 else "")


def _pairs(values: Any) -> list[dict[str, str]]:
    return [{"name": str(k), "text": settings_text(_joined(v))} for k, v in (values or {}).items()]
