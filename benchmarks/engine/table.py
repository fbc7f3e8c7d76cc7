"""Outcomes as a table in Markdown, in the issue's form: the ratio to each peer, the share of the limit, the goals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.engine.row import Goal, Row

HEADER = ("row", "ours", "against torch", "against Keras", "against others", "share of GEMM limit", "accuracy")


def table(rows: Iterable[tuple[Row, dict[str, Any]]]) -> str:
    """Each ratio is the peer's time over ours (its fastest setting; least and largest round in brackets), with the
    goal.
    """
    lines = [HEADER, *(cells(row, found) for row, found in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEADER))]
    text = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def cells(row: Row, found: dict[str, Any]) -> tuple[str, ...]:
    """One row."""
    if "failed" in found or "failed" in found["ours"]:
        return (row.title, found.get("failed") or found["ours"]["failed"], *[""] * (len(HEADER) - 2))
    main = ("torch", "Keras")
    others = [group for group in groups(row) if group not in main]
    against = {group: ratio(row, found, group) for group in (*main, *others)}
    return (
        row.title,
        amount(found["ours"]["cost"], row.per),
        against["torch"],
        against["Keras"],
        "; ".join(f"{group} {against[group]}" for group in others if against[group]),
        share(row, found),
        accuracies(found),
    )


def groups(row: Row) -> list[str]:
    return list(dict.fromkeys([*(goal.group for goal in row.goals), *(peer.group for peer in row.peers)]))


def best(found: dict[str, Any], group: str) -> tuple[str, dict[str, Any]] | None:
    """The fastest peer of a group."""
    able = {name: of for name, of in found["peers"].items() if of["group"] == group and "failed" not in of}
    return min(able.items(), key=lambda each: each[1]["cost"]) if able else None


def ratio(row: Row, found: dict[str, Any], group: str) -> str:
    """The ratio to the fastest of a group, its spread, the goal and whether it is met."""
    if group not in groups(row):
        return ""
    goal = next((goal for goal in row.goals if goal.group == group), None)
    fastest = best(found, group)
    if fastest is None:
        return "not measured" + (f" (goal {goal.wanted:g})" if goal else "")
    middle, low, high = fastest[1]["ratio"]
    if goal and goal.at_most:
        middle, low, high = 1 / middle, 1 / high, 1 / low
    return f"{number(middle)} ({number(low)} to {number(high)}){verdict(goal, middle)}"


def verdict(goal: Goal | None, value: float) -> str:
    if goal is None:
        return ""
    met = value <= goal.wanted if goal.at_most else value >= goal.wanted
    return f", goal {goal.wanted:g}{' or less' if goal.at_most else ''}: {'met' if met else 'NOT met'}"


def share(row: Row, found: dict[str, Any]) -> str:
    if "limit" not in found:
        return ""
    value = found["limit"]["share"]
    return f"{value:.2f}" + (verdict(Goal("limit", row.limit), value) if row.limit else "")


def accuracies(found: dict[str, Any]) -> str:
    """Ours, then the fastest of each group."""
    names = dict.fromkeys(of["group"] for of in found["peers"].values())
    each = [("ours", found["ours"]), *((group, pair[1]) for group in names if (pair := best(found, group)))]
    return ", ".join(f"{name} {of['accuracy']:.3f}" for name, of in each if of.get("accuracy") is not None)


def amount(value: float, per: str) -> str:
    """A cost in a fitting unit."""
    if per == "MB":
        return f"{value:.0f} MB"
    units = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
    unit, size = next((each for each in units if value >= each[1]), units[-1])
    text = f"{value / size:.3g} {unit}"
    return text if per == "run" else f"{text} a {per}"


def number(value: float) -> str:
    return f"{value:.2g}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def details(row: Row, found: dict[str, Any]) -> list[str]:
    """Every contender of a row, one a line, and the limit."""
    if "failed" in found:
        return [f"  failed: {found['failed']}"]
    lines = []
    for name, of in {"lamina": found["ours"], **found["peers"]}.items():
        if "failed" in of:
            lines.append(f"  {name:34} not there: {of['failed']}")
            continue
        accuracy = f"accuracy {of['accuracy']:.4f}" if of.get("accuracy") is not None else ""
        middle, low, high = of["ratio"]
        spread = f"{number(middle)} ({number(low)} to {number(high)})"
        lines.append(f"  {name:34} {amount(of['cost'], row.per):22} {spread:24} {accuracy:18} {of['notes']}".rstrip())
    if "limit" in found:
        of = found["limit"]
        lines.append(
            f"  {'GEMM limit':34} {of['gflops']:.0f} GF/s ({of['by']}); the products need {of['operations'] / 1e6:.2f} "
            f"MFLOP; share {of['share']:.2f}, at real shapes {of['share_at_real_shapes']:.2f}"
        )
    return lines
