"""A picture: panels of lines over one logarithmic axis, as SVG that suits light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 300, 240, 58, 34, 46, 22
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #55585f; } .title { font-weight: 600; fill: #1b1c1f; }
.grid { stroke: #e4e1d9; } .mark { stroke: #6b6e76; stroke-dasharray: 4 4; } polyline { fill: none; stroke-width: 1.6; }
.blue { stroke: #0069b0; } .orange { stroke: #d1580a; } .green { stroke: #00805f; }
text.blue { fill: #0069b0; } text.orange { fill: #a94303; } text.green { fill: #00805f; } text[class] { stroke: none; }
@media (prefers-color-scheme: dark) {
text { fill: #b7bac1; } .title { fill: #ecebe6; } .grid { stroke: #2f333a; } .mark { stroke: #a0a4ad; }
.blue { stroke: #56b4e9; } .orange { stroke: #f09a45; } .green { stroke: #2fbf95; }
text.blue { fill: #74c2ee; } text.orange { fill: #f5ab62; } text.green { fill: #2fbf95; } }
"""


@dataclass(frozen=True)
class Line:
    """Values above 0 (None: nothing is drawn) over places; lines of one name have one colour: blue, orange or green."""

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float | None]


@dataclass(frozen=True)
class Panel:
    """Lines drawn together under a title."""

    title: str
    lines: Sequence[Line]


def picture(
    panels: Sequence[Panel], across: str, up: str, *, marks: Mapping[float, str], lowest: float = 1e-12
) -> str:
    """The panels side by side, with one axis of powers of ten for all; ``marks`` are heights that have a name."""
    values = [v for panel in panels for line in panel.lines for v in line.y if v is not None and v > lowest]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(*values, *marks)))
    width = LEFT + len(panels) * (WIDTH + GAP)
    inner = HEIGHT - TOP - BOTTOM

    def height(value: float) -> float:
        return TOP + inner * (high - math.log10(max(value, 10.0**low))) / max(1, high - low)

    every = max(1, (high - low) // 6)
    powers = range(low, high + 1, every)
    parts = [f'<text x="{LEFT - 8}" y="{height(10.0**p) + 4:.1f}" text-anchor="end">{_power(p)}</text>' for p in powers]
    parts += [f'<text x="{LEFT - 46}" y="14">{escape(up)}</text>']
    for at, panel in enumerate(panels):
        left = LEFT + at * (WIDTH + GAP)
        grid = [f'<path class="grid" d="M{left} {height(10.0**p):.1f}h{WIDTH}"/>' for p in powers]
        parts += [f'<text class="title" x="{left}" y="14">{escape(panel.title)}</text>', *grid]
        parts += _marks(marks, left, height) + _lines(panel, left, height)
        parts += [f'<text x="{left + WIDTH}" y="{HEIGHT - 8}" text-anchor="end">{escape(across)} →</text>']
    size = f'viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"


def _power(power: int) -> str:
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return {0: "1", -1: "0.1", -2: "0.01"}.get(power, f"10{raised}")


def _marks(marks: Mapping[float, str], left: float, height: object) -> list[str]:
    drawn = []
    for value, name in marks.items():
        y = height(value)  # type: ignore[operator]
        drawn += [f'<path class="mark" d="M{left} {y:.1f}h{WIDTH}"/>']
        drawn += [f'<text x="{left + WIDTH}" y="{y - 4:.1f}" text-anchor="end">{escape(name)}</text>'] if name else []
    return drawn


def _lines(panel: Panel, left: float, height: object) -> list[str]:
    furthest = max(x for line in panel.lines for x in line.x)
    drawn, ends = [], {}
    for line in panel.lines:
        there = [(left + WIDTH * x / furthest, height(y)) for x, y in zip(line.x, line.y, strict=True) if y is not None]  # type: ignore[operator]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in there)
        drawn.append(f'<polyline class="{line.colour}" points="{points}"/>')
        ends[line.name] = line.colour
    names = [f'<tspan class="{colour}" dx="10">{escape(name)}</tspan>' for name, colour in ends.items()]
    ticks = [f'<text x="{left}" y="{HEIGHT - 26}">0</text>']
    ticks += [f'<text x="{left + WIDTH}" y="{HEIGHT - 26}" text-anchor="end">{furthest:,.0f}</text>']
    return [*drawn, *ticks, f'<text x="{left - 10}" y="{HEIGHT - 8}">{"".join(names)}</text>']
