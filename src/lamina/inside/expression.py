"""Expressions: a formula as people read it, with its value.

What is shown and what is computed are the same text, so that they can't differ.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_FUNCTIONS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "cos": math.cos, "tanh": math.tanh, "max": max, "min": min,
}  # fmt: skip
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.USub: operator.neg,
}  # fmt: skip
_CONSTANTS = {"pi": math.pi}


def value_of(text: str, operands: Mapping[str, float]) -> float:
    """The value of a formula, its operands given by their names, which may be of several words.

    It knows + - * / ``**``, brackets, numbers, pi and sqrt, exp, log, cos, tanh, max, min. KeyError for a name that is
    not given.

    >>> value_of("forget * cell before + 2", {"forget": 0.5, "cell before": 4.0})
    4.0
    """
    names = tuple(sorted(operands, key=len, reverse=True))
    tree, values = _tree(text, names), {f"v{place}": operands[name] for place, name in enumerate(names)}
    return float(_value(tree, {**_CONSTANTS, **values}))


@functools.lru_cache(1024)
def _tree(text: str, names: tuple[str, ...]) -> ast.expr:
    """The formula with a name of one word, v0, v1, ..., for each operand."""
    places = {name: f"v{place}" for place, name in enumerate(names)}
    if names:
        some = "|".join(map(re.escape, names))
        text = re.sub(rf"(?<!\w)({some})(?!\w)", lambda found: places[found[1]], text)
    return ast.parse(text, mode="eval").body


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_value(node.operand, values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _FUNCTIONS[node.func.id](*(_value(argument, values) for argument in node.args))
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    raise KeyError(ast.unparse(node))
