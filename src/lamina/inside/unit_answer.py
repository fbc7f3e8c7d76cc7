"""Units of the answer: a class's probability, or the value in the target's units."""

from __future__ import annotations

from lamina.inside.anatomy import task_of
from lamina.inside.arithmetic import Index, Part, formula, shares
from lamina.inside.given import Given


def answer(given: Given, index: Index) -> tuple[Part, ...]:
    """The share of a class among all logits, or the output brought back to the target's units."""
    if task_of(given.part) == "classification":
        by = "sigmoid" if given.part.loss == "sigmoid cross entropy" else "exp"
        return (shares("answer", given.of, given.x, index[0], by=by),)
    operands = {"output": given.x[0], "scale": given.part.scale, "shift": given.part.shift}
    return (formula("answer", "output * scale + shift", operands, {"output": given.place(0)}),)
