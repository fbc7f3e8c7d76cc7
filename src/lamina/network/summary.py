"""The table of a network: each layer's path, what it is, its output's shape, parameters and multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from lamina.network.combine import Concatenate, Residual, Sequential
from lamina.network.layer import Layer, Shape, joined
from lamina.network.transformer import Transformer
from lamina.network.tree import leaves, skeleton, with_leaves


@dataclass(frozen=True)
class LayerRow:
    """One line of the table. Shapes are of one example; ``multiply_adds`` of one example forward."""

    path: str
    kind: str
    description: str
    output_shape: Shape
    parameters: int
    multiply_adds: int


def summarize(network: Sequential, shape: Shape) -> list[LayerRow]:
    """A row for each layer, layers inside residuals, branches and transformers after the one that holds them.

    A holder's numbers are the sums of what it holds: count the rows whose path has two segments for a total. Costs no
    memory: nothing is built.

    >>> from lamina.network import Dense
    >>> summarize(Sequential([Dense(4)]), (3,))[0].parameters
    16
    """
    sized = with_leaves(skeleton(network, tuple(shape)), leaves(network, "number"))  # numbers are shown
    return list(_rows(sized, tuple(shape), ""))


def _rows(network: Sequential, shape: Shape, path: str) -> Iterator[LayerRow]:
    for place, layer in enumerate(network.layers):
        where = joined(path, f"{place}.{layer.kind}")
        yield _row(layer, shape, where)
        if isinstance(layer, Residual):
            yield from _rows(layer.body, shape, joined(where, "body"))
            if layer.projection is not None:
                yield _row(layer.projection, shape, joined(where, "projection"))
        if isinstance(layer, Concatenate):
            for number, branch in enumerate(layer.branches):
                yield from _rows(branch, shape, joined(where, f"{number}.{branch.kind}"))
        if isinstance(layer, Transformer):
            for name, (_, given) in layer.parts(shape).items():
                yield _row(getattr(layer, name), given, joined(where, name))
        shape = layer.output_shape(shape)


def _row(layer: Layer, shape: Shape, path: str) -> LayerRow:
    parameters = sum(math.prod(array.shape) for array in leaves(layer, "parameter").values())
    adds = layer.multiply_adds(shape)
    return LayerRow(path, layer.kind, layer.describe(), layer.output_shape(shape), parameters, adds)


def totals(rows: list[LayerRow]) -> tuple[int, int]:
    """All parameters and multiply-adds, holders counted once.

    >>> totals([LayerRow("0.dense", "dense", "dense 4", (4,), 16, 12)])
    (16, 12)
    """
    outer = [row for row in rows if row.path.count(".") == 1]
    return sum(row.parameters for row in outer), sum(row.multiply_adds for row in outer)


def table(rows: list[LayerRow]) -> str:
    """The rows as text in columns, with a line of sums.

    >>> print(table([LayerRow("0.dense", "dense", "dense 4 relu", (4,), 16, 12)]))
    layer    what          output  parameters  multiply-adds
    0.dense  dense 4 relu  4               16             12
    total                                  16             12
    """
    lines = [("layer", "what", "output", "parameters", "multiply-adds")]
    for row in rows:
        size = "x".join(map(str, row.output_shape))
        lines.append((row.path, row.description, size, f"{row.parameters:,}", f"{row.multiply_adds:,}"))
    parameters, adds = totals(rows)
    lines.append(("total", "", "", f"{parameters:,}", f"{adds:,}"))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    aligned = [
        [cell.rjust(w) if i > 2 else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in aligned)
