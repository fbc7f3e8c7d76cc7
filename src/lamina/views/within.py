"""Within: what of a network's inside one file holds, so that it can be opened where no studio answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np

from lamina.errors import LaminaError
from lamina.views import networks
from lamina.views.examples import Asked, example, examples
from lamina.views.runs import can

if TYPE_CHECKING:
    from lamina.inside.anatomy import Organ
    from lamina.inside.trace import Trace
    from lamina.views.opened import Opened

MOST_BYTES = 1_000_000  # of all answers as JSON
EXAMPLES = 6
WRONG = 3  # of them
UNITS = 32  # of a layer, whose arithmetic is held for an example
TOO_LARGE = "What this network computes for a single example is more than one file should hold: {command} opens it."
FOUND = ("conv", "pool", "avgpool", "activation")  # over places: from weights and outputs the page finds each number
PASSING = ("flatten", "dropout", "frames", "specaugment")  # they hand on what they are given
RECURRENT = ("lstm", "gru", "rnn")
NEEDED = ("conv", "attention")  # layers that the page can't open without their weights; for others it draws lines
WEIGHED = (*NEEDED, "dense", *RECURRENT)
LIGHT = 250_000  # bytes of weights that are worth such lines


class Answers:
    """Answers by the address that the page asks at, as long as there is room for them."""

    def __init__(self, room: int) -> None:
        self.held: dict[str, Any] = {}
        self.room = room

    def hold(self, answers: Mapping[str, Any], leaving: int = 0) -> bool:
        """Take these answers, all or none, where so much room is left behind them; whether there was."""
        size = sum(len(json.dumps(value, separators=(",", ":"))) + len(key) for key, value in answers.items())
        if self.room - size < leaving:
            return False
        self.held.update(answers)
        self.room -= size
        return True


def address(path: str, query: Mapping[str, str] | None = None) -> str:
    """Where the page asks, with the words of the query in the order of their names.

    >>> address("trace", {"member": "0", "example": "3"})
    'trace?example=3&member=0'
    """
    return f"{path}?{urlencode(sorted(query.items()), safe=',')}" if query else path


def within(opened: Opened, most: int = MOST_BYTES) -> dict[str, Any]:
    """Answers to what the page asks of the run's first network, for some of the examples that the run kept.

    ``answers``: by address, as the studio gives them. For each example all that its trace shows, and of the layers
    whose numbers the page can't find from it the arithmetic of the strongest units, the classes' first. ``whole`` says
    whether that is all of them. Where nothing can be held, "absent" says why.
    """
    why = can(opened)["why"]
    if opened.folder is None or "inside" in why or "examples" in why:
        return {"absent": why.get("inside") or why.get("examples") or "There is no run here."}
    try:
        return _within(opened, Answers(most))
    except LaminaError as problem:
        return {"absent": problem.given}


def _within(opened: Opened, answers: Answers) -> dict[str, Any]:
    from lamina.inside.anatomy import anatomy

    organs = anatomy(opened.network())
    about = {address("network", {"member": "0"}): networks.network(opened, {})}
    drawn = [o for o in organs if o.kind in NEEDED or (o.kind in WEIGHED and 6 * o.parameters < LIGHT)]
    asked = [{"layer": organ.path, "member": "0"} for organ in drawn]
    about |= {address("weights", query): networks.weights(opened, query) for query in asked}
    command = f"lamina studio {opened.name}"
    if not answers.hold(about):
        return {"absent": TOO_LARGE.format(command=command)}
    has_gates = any(organ.kind in RECURRENT for organ in organs)
    items = [item for item in chosen(opened) if answers.hold(_example(opened, item["id"], has_gates))]
    if not items:
        return {"absent": TOO_LARGE.format(command=command)}
    answers.held[address("examples")] = {"total": len(items), "items": items}
    whole = _units(opened, organs, [item["id"] for item in items], answers)
    return {"answers": answers.held, "whole": whole, "command": command}


def chosen(opened: Opened) -> list[dict[str, Any]]:
    """Some examples worth opening: the surest mistakes, then right answers, a class after the other."""
    if not opened.model.task.classes:
        return spread(examples(opened, Asked(part="judged", sort="loss"))["items"])
    wrong = examples(opened, Asked(part="judged", wrong=True, sort="sure", limit=WRONG))["items"]
    rest = examples(opened, Asked(part="judged", sort="sure"))["items"]
    by_class: dict[str, list[dict[str, Any]]] = {}
    for item in (item for item in rest if item["right"]):
        by_class.setdefault(item["target"], []).append(item)
    turns = zip_longest(*(by_class[name] for name in sorted(by_class)))
    right = [item for turn in turns for item in turn if item is not None]
    return [*wrong, *right][:EXAMPLES]


def spread(items: Sequence[Any]) -> list[Any]:
    """The first, whose errors are the largest, and some of the others, down to the last.

    >>> spread(range(10)), spread(range(4))
    ([0, 1, 2, 9, 6, 3], [0, 1, 2, 3])
    """
    rest = items[WRONG:]
    return [*items[:WRONG], *rest[:: -max(1, (len(rest) - 1) // (EXAMPLES - WRONG - 1))]][:EXAMPLES]


def _example(opened: Opened, id: str, has_gates: bool) -> dict[str, Any]:
    """What the page asks of an example as soon as it is chosen."""
    query = {"example": id, "member": "0"}
    return {
        address(f"examples/{id}"): example(opened, opened.example(id)),
        address("trace", query): networks.trace(opened, query),
        **({address("gates", query): networks.gates(opened, query)} if has_gates else {}),
    }


def _units(opened: Opened, organs: Sequence[Organ], ids: Sequence[str], answers: Answers) -> bool:
    """Hold the arithmetic of units, of each layer the strongest first; whether all fitted in."""
    whole, room = all(math.prod(organ.output_shape) <= UNITS for organ in asked_of(organs)), answers.room
    for at, id in enumerate(ids, start=1):
        traced = opened.traces.find((0, id))
        assert traced is not None
        for organ, index in ranked(organs, traced):
            query = {"example": id, "layer": organ.path, "index": ",".join(map(str, index)), "member": "0"}
            answer = {address("unit", query): networks.unit(opened, query)}
            whole &= answers.hold(answer, leaving=room * (len(ids) - at) // len(ids))
    return whole


def asked_of(organs: Sequence[Organ]) -> list[Organ]:
    """The layers whose arithmetic the page asks for, one number at a time."""
    units = [organ for organ in organs if organ.path and organ.kind not in PASSING]
    return [organ for organ in units if not (organ.kind in FOUND and len(organ.output_shape) > 1)]


def ranked(organs: Sequence[Organ], traced: Trace) -> Iterator[tuple[Organ, tuple[int, ...]]]:
    """Places in the layers' outputs: all of the last two layers, then of all others the strongest, all second ones."""
    outputs = {step.path: np.asarray(step.output) for step in traced.steps}
    layers = reversed(asked_of(organs))
    each = [[(organ, at) for at in places(outputs[organ.path], last=organ.kind in RECURRENT)] for organ in layers]
    yield from (found for layer in each[:2] for found in layer)
    yield from (found for turn in zip_longest(*each[2:]) for found in turn if found is not None)


def places(output: np.ndarray, *, last: bool = False) -> list[tuple[int, ...]]:
    """Of the strongest units the place that the page opens first: where each is strongest, or the last step.

    >>> places(np.array([0.5, -2.0, 1.0]))
    [(1,), (2,), (0,)]
    """
    units = output.shape[-1]
    sizes = np.abs(output.reshape(-1, units))
    at = np.full(units, len(sizes) - 1) if last else sizes.argmax(axis=0)
    order = np.argsort(-sizes[at, np.arange(units)], kind="stable")[:UNITS]
    return [(*map(int, np.unravel_index(at[unit], output.shape[:-1])), int(unit)) for unit in order]
