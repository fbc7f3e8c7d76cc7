"""Networks: what the inside of a run's network shows, as plain values; each is a run and the words of a query.

The names of a query: ``member`` (which network of an ensemble), ``example`` (its id), ``layer`` (a path), and what each
function says besides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lamina.errors import OptionError
from lamina.inside.plain import plain
from lamina.views.examples import class_number, whole
from lamina.views.opened import answers_of

if TYPE_CHECKING:
    from lamina.data.table import Table
    from lamina.inside.embedding import Embedding
    from lamina.inside.embedding import Method as Embedder
    from lamina.inside.kept import Kept
    from lamina.inside.saliency import Method
    from lamina.inside.trace import Trace
    from lamina.model import Model
    from lamina.views.opened import Example, Opened

Words = Mapping[str, str]


def network(opened: Opened, query: Words) -> Any:
    """The network's organs in the order of the data, its classes, and what goes into it."""
    from lamina.inside.anatomy import anatomy

    model = _network(opened, query)
    part = model.parts[0]
    return {
        "members": len(opened.model.parts),
        "organs": plain(anatomy(model)),
        "classes": list(model.task.classes),
        "task": plain(model.task),
        "kind": model.kind,
        "snapshots": [epoch for epoch, _ in opened.snapshots],
        "inputs": {"shape": list(part.shape), "names": _input_names(model), "columns": _columns(opened, model)},
    }


def _input_names(model: Model) -> list[str]:
    """What the numbers of one example are called: a table's columns, a series' channels."""
    preprocessing: Any = model.parts[0].preprocessing
    if model.kind == "table":
        return list(preprocessing.feature_names)
    return [str(name) for name in getattr(getattr(preprocessing, "layout", None), "channels", ())]


def _columns(opened: Opened, model: Model) -> list[dict[str, Any]]:
    """The columns of a table as a person edits them: kind, categories, and the range that training saw."""
    if model.kind != "table":
        return []
    ranges = _ranges(opened)
    return [
        {
            "name": feature.name,
            "kind": feature.kind,
            "categories": list(feature.categories),
            "range": ranges.get(feature.name),
            "missing": feature.indicator,
        }
        for feature in model.parts[0].preprocessing.features  # pyright: ignore[reportAttributeAccessIssue]
    ]


def _ranges(opened: Opened) -> dict[str, list[float]]:
    """The smallest and largest value of each column of numbers, where the run's schema says them."""
    from lamina.views.record import read_run

    if opened.folder is None:
        return {}
    columns = (read_run(opened.folder / "run.json").get("schema") or {}).get("columns") or []
    found = {str(of.get("name")): of.get("statistics") or {} for of in columns}
    pairs = {name: (of.get("minimum"), of.get("maximum")) for name, of in found.items()}
    return {
        name: [float(low), float(high)]
        for name, (low, high) in pairs.items()
        if isinstance(low, (int, float)) and isinstance(high, (int, float))
    }


def trace(opened: Opened, query: Words) -> Any:
    """Every layer's output for an example, and the answer."""
    model, found = _network(opened, query), _traced(opened, query)
    steps = [{"path": step.path, "kind": step.kind, "output": plain(step.output)} for step in found.steps]
    answer = [float(value) for value in np.ravel(found.steps[-1].output)]
    return {"steps": steps, **({"probabilities": answer} if model.task.classes else {"value": answer[0]})}


def _traced(opened: Opened, query: Words) -> Trace:
    """The trace of an example, kept for the next click into it."""
    from lamina.inside.trace import trace as traced

    key = (_member(query), _example(opened, query).id)
    return opened.traces.get(key, lambda: traced(_network(opened, query), _inputs(opened, query)))


def unit(opened: Opened, query: Words) -> Any:
    """The arithmetic of one number of a layer's output; ``index``: its place, as in "0,3,4"."""
    from lamina.inside.unit import unit as arithmetic

    index, layer = _place(_need(query, "index", "0,3,4")), _layer(query)
    trace = _traced(opened, query)
    return plain(arithmetic(_network(opened, query), _inputs(opened, query), layer, index, trace=trace))


def weights(opened: Opened, query: Words) -> Any:
    """The weights and states of one layer, by their names in it."""
    from lamina.inside.opened import opened as built
    from lamina.network import leaves

    layer, of = _layer(query), built(_network(opened, query))
    found = {**leaves(of, "parameter"), **leaves(of, "state")}
    start = f"{layer}."
    arrays = {name.removeprefix(start): np.asarray(a) for name, a in found.items() if name.startswith(start)}
    return {"path": layer, "arrays": plain(arrays)}


def backward(opened: Opened, query: Words) -> Any:
    """The gradient of an example's loss at every unit and weight, and one step down it; ``target``, ``rate``."""
    from lamina.inside.backward import backward as back

    example, model = _example(opened, query), _network(opened, query)
    rate = _number(query.get("rate") or "0.01", "rate")
    return plain(back(model, opened.inputs(example, _member(query)), _target(opened, query, example), rate=rate))


def saliency(opened: Opened, query: Words) -> Any:
    """What of an example decided; ``method``, and ``target``: for which class."""
    from lamina.inside.saliency import saliency as found

    model, method = _network(opened, query), cast("Method", query.get("method") or "gradient")
    target = class_number(query["target"], model.task.classes) if query.get("target") else None
    usual = opened.prepared(_member(query)) if model.kind == "table" else None
    return plain(found(model, _inputs(opened, query), method, target, usual=usual))


def gates(opened: Opened, query: Words) -> Any:
    """The gates of every recurrent layer over the steps of an example."""
    from lamina.inside import gates as found

    return {"gates": plain(found(_network(opened, query), _inputs(opened, query)))}


def counterfactual(opened: Opened, query: Words) -> Any:
    """The smallest change found that turns the answer; ``target``: into which."""
    from lamina.inside.counterfactual import counterfactual as found

    model, example = _network(opened, query), _example(opened, query)
    target = class_number(query["target"], model.task.classes) if query.get("target") else None
    if model.kind == "table":
        return plain(found(_table_model(opened, query), _cells(example), target, kept=_kept(opened)))
    return plain(found(model, opened.inputs(example, _member(query)), target))


def surface(opened: Opened, query: Words) -> Any:
    """The answer over the values of two columns, ``first`` and ``second``, all else as in an example; or over two
    numbers of an input, by their places ("3,4,0").
    """
    from lamina.inside.surface import surface as found

    example, names = _example(opened, query), [_need(query, name, "COLUMN") for name in ("first", "second")]
    if opened.model.kind == "table":
        among = opened.kept.cells if opened.kept is not None else None
        return plain(found(_table_model(opened, query), _cells(example), names[0], names[1], among=among))
    first, second = (_place(name) for name in names)
    return plain(found(_network(opened, query), opened.inputs(example, _member(query)), first, second))


def features(opened: Opened, query: Words) -> Any:
    """What excites one ``unit`` of a layer most and least, and an input made to excite it."""
    from lamina.inside.features import features as found

    at = whole(_need(query, "unit", "0"), "unit")
    return plain(found(_kept(opened), _network(opened, query), _layer(query), at))


def embedding(opened: Opened, query: Words) -> Any:
    """The kept examples placed by a layer's output; ``method``, and ``epoch``: as the network was then.

    What an epoch shows is turned as the trained network's, so that one sees points move and not the plane.
    """
    kept, layer, method = _kept(opened), _layer(query), cast("Embedder", query.get("method") or "pca")
    if not query.get("epoch"):
        return plain(_placed(opened, kept, _network(opened, query), layer, method))
    from lamina.inside.embedding import embedding as found

    trained = opened.network()  # the snapshots are those of the first network
    snapshot = _snapshot(opened, whole(query["epoch"], "epoch"))
    return plain(found(kept, trained, layer, method, snapshot, like=_placed(opened, kept, trained, layer, method)))


def _placed(opened: Opened, kept: Kept, model: Model, layer: str, method: Embedder) -> Embedding:
    from threadpoolctl import threadpool_limits

    from lamina.inside.embedding import embedding as found

    def placed() -> Embedding:
        with threadpool_limits(1):  # threads of t-SNE wait for each other longer than they work, where others work too
            return found(kept, model, layer, method)

    return opened.placed.get((id(model), layer, method), placed)


def _snapshot(opened: Opened, epoch: int) -> tuple[int, np.ndarray]:
    epochs = [at for at, _ in opened.snapshots]
    if epoch not in epochs:
        known = f"One of: {', '.join(map(str, epochs))}." if epochs else "None: the run kept no snapshots."
        raise OptionError(f"There is no snapshot of epoch {epoch}.", expected=known, mend="leave epoch out")
    return opened.snapshots[epochs.index(epoch)]


def importance(opened: Opened, query: Words) -> Any:
    """How much worse the answers get when a column's values are mixed up, for every column of a table."""
    from lamina.inside.importance import permutation

    model = _table_model(opened, query)
    table, targets = judged_table(_kept(opened))
    return plain(permutation(model, table, targets))


def dependence(opened: Opened, query: Words) -> Any:
    """The mean answer over the values of one ``column`` of a table."""
    from lamina.inside.importance import dependence as found

    model = _table_model(opened, query)
    return plain(found(model, judged_table(_kept(opened))[0], _need(query, "column", "COLUMN")))


def judged_table(kept: Kept) -> tuple[Table, np.ndarray]:
    """The kept rows that were judged (all where none was) as a table, and their targets."""
    rows = np.flatnonzero(kept.parts == "judged")
    rows = rows if len(rows) else kept.ids
    return kept.table(rows), kept.targets[rows]


def warming(opened: Opened) -> tuple[Callable[[], object], ...]:
    """Small pieces of work after which nothing that a click waits for has to be loaded or compiled."""
    first = {"example": "0"}

    def asked() -> None:
        example = opened.example("0")
        answers_of(opened.model, example.kept, [example.row])

    return (
        lambda: opened.model,
        lambda: opened.kept,
        lambda: opened.answers,
        lambda: network(opened, {}),
        asked,
        lambda: trace(opened, first),
        lambda: unit(opened, {**first, "layer": "answer", "index": "0"}),
        lambda: saliency(opened, first),
        lambda: backward(opened, first),
        lambda: gates(opened, first),
    )


# --- the words of a query --------------------------------------------------------------------------------------------


def _member(query: Words) -> int:
    return whole(query.get("member") or "0", "member")


def _network(opened: Opened, query: Words) -> Model:
    return opened.network(_member(query))


def _table_model(opened: Opened, query: Words) -> Model:
    model = opened.model if "member" not in query else _network(opened, query)
    if model.kind != "table":
        many = {"image": "images", "series": "series", "sound": "recordings"}[model.kind]
        raise OptionError(f"This run is of {many}.", expected="A table.", mend="open a run of a table")
    return model


def _kept(opened: Opened) -> Kept:
    if opened.kept is None:
        raise OptionError(
            f"The run {opened.name} kept no examples.",
            expected="A finished run of this version.",
            mend="train it again with this Lamina",
        )
    return opened.kept


def _need(query: Words, name: str, such: str) -> str:
    if not query.get(name):
        raise OptionError(f"{name} is not said.", expected=f"{name}={such}.", mend=f"add {name}={such}")
    return query[name]


def _layer(query: Words) -> str:
    """A layer's path: said, and perhaps empty, which is the network's input."""
    return query["layer"] if "layer" in query else _need(query, "layer", "1.conv")


def _example(opened: Opened, query: Words) -> Example:
    return opened.example(_need(query, "example", "0"))


def _inputs(opened: Opened, query: Words) -> np.ndarray:
    return opened.inputs(_example(opened, query), _member(query))


def _cells(example: Example) -> dict[str, Any]:
    return {name: cells[example.row] for name, cells in (example.kept.cells or {}).items()}


def _place(text: str) -> tuple[int, ...]:
    return tuple(whole(word.strip(), "index") for word in text.split(","))


def _number(text: str, name: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise OptionError(f"{name} is {text[:40]!r}.", expected="A finite number.", mend=f"{name}=0.01")
    return found


def _target(opened: Opened, query: Words, example: Example) -> int | float:
    """The true answer: as it is said, else the example's; of an own one the likeliest class."""
    classes = opened.model.task.classes
    if query.get("target"):
        return class_number(query["target"], classes) if classes else _number(query["target"], "target")
    if not example.is_own:
        target = example.kept.targets[example.row]
        return int(target) if classes else float(target)
    answer = opened.answer(example)
    return int(answer.argmax()) if classes else float(answer)
