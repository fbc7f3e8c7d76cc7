"""A picture: panels of lines over one axis of powers of ten, as SVG that suits light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 300, 250, 64, 44, 46, 24
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #55585f; } .title { font-weight: 600; fill: #1b1c1f; }
.grid { stroke: #e4e1d9; } .mark { stroke: #6b6e76; stroke-dasharray: 4 4; } polyline { fill: none; stroke-width: 1.6; }
.name { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; }
polyline.blue { stroke: #0069b0; } polyline.orange { stroke: #d1580a; } polyline.green { stroke: #00805f; }
tspan { font-weight: 600; } tspan.blue { fill: #005f9e; } tspan.orange { fill: #a94303; } tspan.green { fill: #00805f; }
@media (prefers-color-scheme: dark) {
text { fill: #b7bac1; } .title { fill: #ecebe6; } .grid { stroke: #2f333a; } .mark { stroke: #a0a4ad; }
.name { stroke: #0d1117; }
polyline.blue { stroke: #56b4e9; } polyline.orange { stroke: #f09a45; } polyline.green { stroke: #2fbf95; }
tspan.blue { fill: #74c2ee; } tspan.orange { fill: #f5ab62; } tspan.green { fill: #2fbf95; } }
"""

Height = Callable[[float], float]


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


def picture(panels: Sequence[Panel], across: str, up: str, *, marks: Mapping[float, str], lowest: float = 1e-12) -> str:
    """The panels side by side, with one axis of powers of ten for all; ``marks`` are heights that have a name.

    Lines end where they fall below ``lowest``.
    """
    values = [v for panel in panels for line in panel.lines for v in line.y if v is not None and v >= lowest]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(*values, *marks)))
    powers = range(low, high + 1, max(1, (high - low) // 6))

    def height(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(value)) / max(1, high - low)

    parts = [f'<text x="{LEFT - 8}" y="{height(10.0**p) + 4:.1f}" text-anchor="end">{_power(p)}</text>' for p in powers]
    parts += [f'<text x="{LEFT}" y="{TOP - 10}">↑ {escape(up)}</text>']
    for at, panel in enumerate(panels):
        left = LEFT + at * (WIDTH + GAP)
        parts += [f'<text class="title" x="{left}" y="15">{escape(panel.title)}</text>']
        parts += [f'<path class="grid" d="M{left} {height(10.0**p):.1f}h{WIDTH}"/>' for p in powers]
        parts += [*_lines(panel, left, height, lowest), *_marks(marks, left, height)]
        parts += [f'<text x="{left + WIDTH}" y="{HEIGHT - 8}" text-anchor="end">{escape(across)} →</text>']
    width = LEFT + len(panels) * (WIDTH + GAP)
    size = f'viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"


def _power(power: int) -> str:
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return {0: "1", -1: "0.1", -2: "0.01"}.get(power, f"10{raised}")


def _marks(marks: Mapping[float, str], left: float, height: Height) -> list[str]:
    drawn = [f'<path class="mark" d="M{left} {height(value):.1f}h{WIDTH}"/>' for value in marks]
    place = f'class="name" x="{left + WIDTH}" text-anchor="end"'
    return drawn + [f'<text {place} y="{height(v) - 5:.1f}">{escape(name)}</text>' for v, name in marks.items() if name]


def _lines(panel: Panel, left: float, height: Height, lowest: float) -> list[str]:
    furthest = max(x for line in panel.lines for x in line.x)
    drawn = []
    for line in panel.lines:
        there = [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None and y >= lowest]
        points = " ".join(f"{left + WIDTH * x / furthest:.1f},{height(y):.1f}" for x, y in there)
        drawn.append(f'<polyline class="{line.colour}" points="{points}"/>')
    colours = {line.name: line.colour for line in panel.lines}
    names = [
        f'<tspan class="{of}" dx="{10 if at else 0}">{escape(n)}</tspan>' for at, (n, of) in enumerate(colours.items())
    ]
    ends = [f'<text x="{left}" y="{HEIGHT - 27}">0</text>']
    ends += [f'<text x="{left + WIDTH}" y="{HEIGHT - 27}" text-anchor="end">{furthest:,.0f}</text>']
    return [*drawn, *ends, f'<text x="{left - 10}" y="{HEIGHT - 8}">{"".join(names)}</text>']
