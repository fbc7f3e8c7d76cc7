"""An explanation in the terminal: the answer, the layers, what weighed most, and the arithmetic of one unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table
from rich.text import Text

from lamina import predictions
from lamina.errors import OptionError
from lamina.inside.anatomy import anatomy
from lamina.inside.arithmetic import Choice, Formula, Function, Lookup, Part, Place, Products, Shares, Unit
from lamina.inside.example import Example
from lamina.inside.explanation import Explanation, Made, Term, Terms, explain
from lamina.inside.plain import plain
from lamina.inside.trace import Trace, trace
from lamina.inside.unit import checked_index, organ_at, unit
from lamina.model import Model
from lamina.terminal import BAR, count, number, table

if TYPE_CHECKING:
    from lamina.terminal import Terminal

WHOLE = 50  # rows that a sum is shown with; of a longer one those that weigh most
LONGEST = 40


@dataclass(frozen=True)
class Asked:
    """A unit to look into: the layer's path, or None for the whole network, and its place, or None for the largest."""

    layer: str | None = None
    place: tuple[int, ...] | None = None


def show(terminal: Terminal, model: Model, example: Example, asked: Asked) -> dict[str, Any]:
    """Print how a model comes to its answer, or the unit that was asked for; the same as values.

    OptionError for a layer that isn't there, and a place that none of it is at.
    """
    seen = trace(model, example.x)
    one = _asked_unit(model, example.x, asked, seen)
    answers = model.answers(example.inputs, [example.name])  # pyright: ignore[reportArgumentType]
    made = predictions.columns(answers)
    at = int(np.argmax(answers.probabilities)) if answers.probabilities is not None else 0
    found = explain(model, example.x, at=at, trace=seen)
    _say_answer(terminal, model, example, answers.classes, made)
    if one is None:
        _say_network(terminal, model, found)
    else:
        _say_unit(terminal, model, one)
    row = {name: values[0] for name, values in made.items()}
    about = {"truth": example.truth, "networks": len(model.parts), "notes": [note.text for note in example.notes]}
    return {**row, **about, "explanation": plain(found), "unit": plain(one)}


def _asked_unit(model: Model, x: np.ndarray, asked: Asked, seen: Trace) -> Unit | None:
    if asked.layer is None:
        if asked.place is None:
            return None
        raise OptionError(
            f"--unit {place_text(asked.place)} is a place in no layer.",
            expected=f"--layer too: {', '.join(organ.path for organ in anatomy(model) if organ.path)}.",
            mend="--layer answer --unit 0",
        )
    path = "" if asked.layer == "input" else asked.layer
    with _in_words_of("--layer"):
        organ = organ_at(model.parts[0], path)
    output = seen[path].output
    if asked.place is None:
        place = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.nan_to_num(np.abs(output)))), output.shape))
        return unit(model, x, path, place, trace=seen)
    with _in_words_of(f"--layer {asked.layer} --unit"):
        place = checked_index(organ, asked.place, output.shape)
    return unit(model, x, path, place, trace=seen)


@contextmanager
def _in_words_of(option: str) -> Iterator[None]:
    """An OptionError within says how to mend it as one types it."""
    try:
        yield
    except OptionError as error:
        raise OptionError(error.given, expected=error.expected, mend=f"{option} {error.mend}") from None


def _say_answer(
    terminal: Terminal, model: Model, example: Example, classes: Sequence[str], made: Mapping[str, list[Any]]
) -> None:
    """The example's name, the answer, and the truth where it is known."""
    (prediction,) = made["prediction"]
    said = number(prediction) if isinstance(prediction, float) else str(prediction)
    truth = "" if example.truth is None else f", and it is {_answer_text(example.truth)}"
    terminal.sentence(f"{example.name}: {model.task.target} is taken to be {said}{truth}.", "bold")
    if example.rows > 1:
        terminal.say(f"One of {example.rows:,} examples; --row and --example choose.", "dim")
    if classes:
        terminal.say()
        terminal.say(answer_table({name: made[f"probability_{name}"][0] for name in classes}))
    if len(model.parts) > 1:
        terminal.say()
        terminal.say(f"This is the mean of {len(model.parts)} networks. What follows is the first of them.", "dim")
    terminal.notes("Worth knowing", (note.text for note in example.notes))


def _answer_text(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def _say_network(terminal: Terminal, model: Model, found: Explanation) -> None:
    terminal.say()
    terminal.say("what each layer made of it", "bold")
    terminal.say(made_table(found.layers))
    if found.logit is None:
        return
    about = f"{model.task.classes[found.at]}" if model.task.kind == "classification" else model.task.target
    terminal.say()
    terminal.say(f"what weighed most in {found.logit.path} {place_text(found.logit.index)}, {about}", "bold")
    terminal.say(terms_table(found.logit))
    terminal.say()
    at = f"--layer {found.logit.path} --unit {place_text(found.logit.index)}"
    terminal.say(f"All of its arithmetic: {at}", "dim")


def _say_unit(terminal: Terminal, model: Model, one: Unit) -> None:
    terminal.say()
    terminal.say(f"{one.path or 'input'} {place_text(one.index)}, {one.kind}: {exact(one.output)}", "bold")
    classes = model.task.classes if one.path == "answer" else ()
    for block in unit_blocks(one, classes):
        if not isinstance(block, Table):
            terminal.say()
        terminal.say(block)


def answer_table(shares: Mapping[str, float]) -> Table:
    """The classes with their probabilities, the likeliest first."""
    order = sorted(shares.items(), key=lambda each: -each[1])
    rows = ((name, f"{share:.1%}", "█" * round(share * BAR)) for name, share in order)
    return table(("class", "probability", ""), rows, numeric=("probability",))


def made_table(layers: Sequence[Made]) -> Table:
    """What each layer made of the example: shape, share of zeros, mean, and the number farthest from zero."""
    columns = ("layer", "", "output", "zeros", "mean", "largest", "at")
    rows = (
        (
            made.path or "input",
            made.description,
            " x ".join(map(str, made.output_shape)),
            f"{made.zeros:.0%}",
            number(made.mean),
            number(made.largest),
            place_text(made.at),
        )
        for made in layers
    )
    return table(columns, rows, numeric=("zeros", "mean", "largest"))


def terms_table(terms: Terms) -> Table:
    """The products of a sum that weigh most, where each input was made, the others together, the bias and the sum."""
    columns = ("product", "input", "weight", "made by")
    rows: list[Sequence[str | Text]] = [
        (number(term.product + 0.0), number(term.input), number(term.weight), _made_by(term)) for term in terms.terms
    ]
    if terms.count:
        rows.append((number(terms.others), "", "", f"{terms.count:,} other products together"))
    rows += [(number(terms.bias), "", "", "the bias"), (Text(number(terms.sum), "bold"), "", "", "their sum")]
    return table(columns, rows, numeric=columns[:3])


def unit_blocks(unit: Unit, classes: Sequence[str] = ()) -> Iterator[Table | Text]:
    """The arithmetic of a unit, part by part: a line that says what it is, and its numbers where it has several."""
    for part in unit.parts:
        match part:
            case Products():
                yield from _products(part)
            case Choice():
                yield from _choice(part)
            case Function():
                yield from _function(part)
            case Formula():
                yield from _formula(part)
            case Lookup():
                yield from _lookup(part)
            case Shares():
                yield from _shares(part, classes)


def place_text(index: Sequence[int]) -> str:
    """A place as it is typed.

    >>> place_text((3, 4, 0))
    '3,4,0'
    """
    return ",".join(map(str, index))


def exact(value: float) -> str:
    """A number in the digits that a float32 has.

    >>> exact(0.0), exact(1 / 3), exact(-12345678.0), exact(1e-9)
    ('0', '0.333333', '-1.23457e+07', '1e-09')
    """
    return f"{value:.6g}"


def _made_by(term: Term) -> str:
    where = term.origin
    return f"{term.name or where.of or 'input'} {place_text(where.index)}"


# -- the parts --------------------------------------------------------------------------------------------------------


def _title(part: Part, text: str) -> Text:
    return Text.assemble((part.name, "bold"), f" = {text} = ", (exact(part.value), "bold"))


def _products(part: Products) -> Iterator[Text | Table]:
    bias = f" + bias {number(part.bias)}" if part.bias else ""
    yield _title(part, f"sum of {count(part.products.size, 'product')} with {_source(part.of)}{bias}")
    # Adding 0 makes 0 of -0, a product with nothing there.
    inputs, weights, products, there = (each.ravel() for each in (part.inputs, part.weights, part.products, part.there))
    places = part.places().reshape(inputs.size, -1)
    shown, others = _shown(products)
    rows: list[Sequence[str]] = [
        (
            place_text(places[k]),
            number(float(inputs[k])) if there[k] else "padding",
            number(float(weights[k])),
            number(float(products[k]) + 0.0),
        )
        for k in shown
    ]
    if others.size:
        rows.append(("", f"{others.size:,} others", "together", number(float(products[others].sum(dtype=np.float64)))))
    yield table(("at", "input", "weight", "product"), rows, numeric=("input", "weight", "product"))


def _choice(part: Choice) -> Iterator[Text | Table]:
    yield _title(part, f"the largest of {part.inputs.size:,} of {_source(part.of)}")
    inputs, there = part.inputs.ravel(), part.there.ravel()
    places = part.places().reshape(inputs.size, -1)
    won = int(np.ravel_multi_index(part.won, part.inputs.shape)) if part.won else -1
    shown, others = _shown(np.where(there, inputs, 0))
    rows = [
        (place_text(places[k]), number(float(inputs[k])) if there[k] else "padding", "won" if k == won else "")
        for k in sorted(set(shown) | ({won} if won >= 0 else set()))
    ]
    yield table(("at", "input", ""), [*rows, *([("", f"{others.size:,} others", "")] if others.size else [])])


def _function(part: Function) -> Iterator[Text]:
    yield _title(part, f"{part.function}({part.of}) = {part.function}({exact(part.input)})")
    if part.place is not None:
        yield Text(f"x is {_where(part.place)}")


def _formula(part: Formula) -> Iterator[Text | Table]:
    yield _title(part, part.text)
    rows = [
        (name, exact(value), _where(part.places[name]) if name in part.places else "")
        for name, value in part.operands.items()
    ]
    if rows:
        operands = table(("name", "value", "where"), rows, numeric=("value",))
        operands.show_header = False
        yield operands


def _lookup(part: Lookup) -> Iterator[Text]:
    row = f"row {part.row}" if part.row >= 0 else "no row"
    yield _title(part, f"number {part.at} of {row} ({part.label}) of {part.table}")


def _shares(part: Shares, classes: Sequence[str]) -> Iterator[Text | Table]:
    shift = f" - {number(part.shift)}" if part.shift else ""
    total = exact(part.total)
    yield _title(part, f"{part.function}(input{shift}) / {total}, of {_source(part.of)}, the one at {part.at}")
    named = len(classes) == part.inputs.size
    shown, others = _shown(part.shares)
    rows = [
        (
            classes[k] if named else str(k),
            number(float(part.inputs[k])) if part.there[k] else "not seen",
            number(float(part.exponentials[k])),
            number(float(part.shares[k])),
        )
        for k in sorted(set(shown) | {part.at})
    ]
    if others.size:
        rows.append(("", f"{others.size:,} others", "", number(float(part.shares[others].sum()))))
    columns = ("at", "input", part.function, "share")
    yield table(columns, rows, numeric=columns[1:])


def _shown(values: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Which of many values are shown, all in their order or those that weigh most before the others, and which not."""
    if values.size <= WHOLE:
        return list(range(values.size)), np.array([], int)
    order = np.argsort(-np.abs(values), kind="stable")
    most = min(LONGEST, int(np.count_nonzero(values)))
    return [int(k) for k in order[:most]], order[most:]


def _source(of: str) -> str:
    return of or "the input"


def _where(place: Place) -> str:
    return f"{_source(place.of)} {place_text(place.index)}"
