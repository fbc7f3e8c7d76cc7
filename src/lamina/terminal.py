"""The terminal: how verdicts, tables, progress and errors look there. Only it and the command line print.

What a person reads goes to stdout, and to stderr where stdout carries data (``--json``, predictions). Text that came
from a file is printed as it is: markup in it means nothing.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lamina.settings import Progress

BAR = 24  # how many characters wide an interval is drawn
PATIENCE = 10.0  # seconds to the second line of a stage's progress where there is no live line; then twice as long


class Terminal:
    """Where a verb speaks: ``say`` for people, ``give`` for the one JSON object of ``--json``."""

    def __init__(self, *, json: bool = False, quiet: bool = False, to_stderr: bool = False) -> None:
        self.json, self.quiet = json, quiet
        self.console = Console(stderr=json or to_stderr, highlight=False, markup=False, emoji=False)

    def say(self, what: str | Text | Table = "", style: str = "") -> None:
        """Print for a person, unless they asked for quiet. Text is left to the terminal to wrap: paths stay whole."""
        if not self.quiet:
            self.console.print(what, style=style, soft_wrap=not isinstance(what, Table))

    def sentence(self, text: str, style: str = "") -> None:
        """Print prose, also to one who asked for quiet: wrapped between words in a terminal, one line in a file."""
        self.console.print(text, style=style, soft_wrap=not self.console.is_terminal)

    def give(self, values: Mapping[str, Any]) -> None:
        """Print the one JSON object of ``--json``; without it, nothing."""
        if self.json:
            give_json(values)

    def notes(self, title: str, sentences: Iterable[str]) -> None:
        """Print sentences under a title; nothing where there are none."""
        found = list(sentences)
        if found and not self.quiet:
            self.say()
            self.say(title, "bold")
            for sentence in found:
                self.console.print(_hanging(sentence))

    def pairs(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print names and values in two columns; a value is never wrapped, so that it can be copied."""
        found = [(name, value) for name, value in rows if value]
        width = max((len(name) for name, _ in found), default=0)
        for name, value in found:
            self.say(Text.assemble((f"{name:<{width}}  ", "dim"), value))


def give_json(values: Mapping[str, Any]) -> None:
    """One line of JSON on stdout. NaN and infinity, which JSON lacks, become null.

    >>> give_json({"score": float("nan"), "rows": 3})
    {"score": null, "rows": 3}
    """
    sys.stdout.write(json.dumps(finite(values), ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def finite(value: Any) -> Any:
    """The same values with None where a number is not finite.

    >>> finite({"a": [1.5, float("inf")]})
    {'a': [1.5, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# -- tables and sentences ---------------------------------------------------------------------------------------------


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    numeric: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> Table:
    """A table without lines; the columns in ``numeric`` are set to the right, those in ``whole`` are never wrapped."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in numeric else "left", overflow="fold", no_wrap=name in whole)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def verdict_table(verdict: Mapping[str, Any]) -> Table:
    """The network and the simple models beside it, best first: score, 95 % interval, and that drawn to one scale."""
    rows = {"network": verdict, **(verdict.get("baselines") or {})}
    sign = -1 if verdict.get("greater_is_better", True) else 1
    order = sorted(rows, key=lambda name: _sortable(sign, rows[name].get("score")))
    scale = _scale(rows[name] for name in (order[:-1] if len(order) > 2 else order))
    drawn = (
        (
            Text(name, "bold" if name == "network" else ""),
            Text(number(rows[name].get("score")), "bold" if name == "network" else ""),
            interval(rows[name].get("interval")),
            Text(
                draw(rows[name].get("score"), rows[name].get("interval"), scale), "cyan" if name == "network" else "dim"
            ),
        )
        for name in order
    )
    return table(
        ["", str(verdict.get("metric", "score")), "95 % interval", ""],
        drawn,
        numeric=[str(verdict.get("metric", "score"))],
    )


def schema_table(columns: Sequence[Mapping[str, Any]]) -> Table:
    """A table's columns: kind and role, missing and distinct values, and a look at the values themselves."""
    names = ("column", "kind", "missing", "distinct", "values", "")
    rows = (
        (
            Text(column["name"], "" if column["role"] in ("feature", "target") else "dim"),
            column["kind"] if column["role"] == "feature" else f"{column['kind']}, {column['role']}",
            f"{column['missing']:,}" if column["missing"] else "",
            f"{column['distinct']:,}",
            values_in_short(column["statistics"]),
            Text(column["note"], "dim"),
        )
        for column in columns
    )
    return table(names, rows, numeric=("missing", "distinct"))


def values_in_short(statistics: Mapping[str, Any]) -> str:
    """A column's values in a few words: a range with the shape of its histogram, or the most frequent values.

    >>> values_in_short({"minimum": 0.0, "maximum": 9.5, "histogram": {"counts": [1, 8, 2, 0]}})
    '0 to 9.5  ▁█▂ '
    >>> values_in_short({"top": [["a", 12], ["b", 3]]})
    'a (12), b (3)'
    """
    if "minimum" in statistics:
        ends = f"{statistics['minimum']:.5g} to {statistics['maximum']:.5g}"
        return f"{ends}  {sketch((statistics.get('histogram') or {}).get('counts') or ())}".rstrip("\n")
    if "first" in statistics:
        return f"{str(statistics['first'])[:19]} to {str(statistics['last'])[:19]}"
    if "rule" in statistics:
        sides = " x ".join(str(statistics[side]) for side in ("height", "width", "channels") if side in statistics)
        return f"{sides}: {statistics['rule']}" if sides else str(statistics["rule"])
    shown = [f"{_cut(word)} ({times:,})" for word, times in (statistics.get("top") or ())[:3]]
    return ", ".join(shown) + (", ..." if len(statistics.get("top") or ()) > 3 else "")


def _cut(word: str, most: int = 20) -> str:
    word = " ".join(word.split())
    return word if len(word) <= most else f"{word[: most - 1]}…"


def sketch(counts: Sequence[float]) -> str:
    """A histogram as a line of bars; what is there at all is never drawn as nothing.

    >>> sketch([0, 1, 50, 100])
    ' ▁▄█'
    """
    highest = max(counts, default=0) or 1
    return "".join(" ▁▂▃▄▅▆▇█"[math.ceil(n / highest * 8)] for n in counts)


def class_table(classes: Sequence[tuple[str, int]]) -> Table:
    """The classes with their rows and shares, the largest first."""
    total = sum(rows for _, rows in classes) or 1
    order = sorted(classes, key=lambda each: -each[1])
    rows = [(name, f"{n:,}", f"{n / total:.1%}", "█" * max(1, round(n / order[0][1] * BAR))) for name, n in order]
    return table(("class", "rows", "share", ""), rows, numeric=("rows", "share"))


def layer_table(network: Mapping[str, Any]) -> Table:
    """A network's layers with their shapes, parameters and multiply-adds, and the sums of both."""
    rows = [
        (
            str(layer["path"]),
            str(layer["description"]),
            " x ".join(str(side) for side in layer["output_shape"]),
            f"{layer['parameters']:,}",
            f"{layer['multiply_adds']:,}",
        )
        for layer in network["layers"]
    ]
    sums = ("", "", "", f"{network['parameters']:,}", f"{network['multiply_adds']:,}")
    columns = ("layer", "", "output", "parameters", "multiply-adds")
    return table(columns, [*rows, tuple(Text(cell, "bold") for cell in sums)], numeric=columns[3:])


def member_table(members: Sequence[Mapping[str, Any]]) -> Table:
    """The members of a population, those of one recipe in a line: how long they trained, how well."""
    alike: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for member in members:
        recipe = member["recipe"]
        alike.setdefault((member["network"], recipe.get("learning_rate"), recipe.get("weight_decay")), []).append(
            member
        )
    columns = ("network", "learning rate", "weight decay", "members", "best epoch", "validation loss", "ended")
    rows = (_member_row(key, alike[key]) for key in sorted(alike, key=lambda key: [part or 0 for part in key]))
    return table(columns, rows, numeric=columns[:-1])


def _member_row(key: tuple[Any, ...], alike: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    losses = [member["validation_loss"] for member in alike if member.get("validation_loss") is not None]
    epochs = [member["best_epoch"] for member in alike if member.get("best_epoch") is not None]
    states = Counter(str(member.get("state", "")) for member in alike)
    return (
        str(key[0]),
        f"{key[1]:g}" if key[1] is not None else "–",
        f"{key[2]:g}" if key[2] is not None else "–",
        str(len(alike)),
        _range(epochs, str),
        _range(losses, number),
        ", ".join(state if len(states) == 1 else f"{n} {state}" for state, n in states.most_common()),
    )


def _range(values: Sequence[Any], write: Callable[[Any], str]) -> str:
    """The lowest and the highest of some values.

    >>> _range([3, 7, 5], str), _range([2, 2], str), _range([], str)
    ('3 to 7', '2', '–')
    """
    if not values:
        return "–"
    low, high = write(min(values)), write(max(values))
    return low if low == high else f"{low} to {high}"


def memory_table(memory: Mapping[str, Any]) -> Table:
    """The loss gradient back in time: its mean norm at each state, so many steps before the last that is read.

    ``memory`` is the report's view of it (:func:`lamina.views.memory.memory_view`).
    """
    layers = memory["layers"]
    furthest = max(layer["steps"][-1] for layer in layers)
    back = [step for step in (0, 1, 10, 100, 1000, 10_000) if step < furthest] + [furthest]
    titles = [f"{step:,} back" if step else "last step" for step in back]
    rows = (
        (layer["label"], curve["name"], *(_at_step(layer["steps"], curve["mean"], step) for step in back))
        for layer in layers
        for curve in layer["curves"]
    )
    return table(["layer", "gradient at the", *titles], rows, numeric=titles)


def _at_step(steps: Sequence[int], values: Sequence[float | None], step: int) -> str:
    """The value at the step nearest to one, a dash behind the last.

    >>> _at_step([0, 4, 9], [1.0, 0.5, 1e-12], 10), _at_step([0, 4, 9], [1.0, 0.5, 1e-12], 8)
    ('–', '1e-12')
    """
    if step > steps[-1]:
        return "–"
    return number(values[min(range(len(steps)), key=lambda at: abs(steps[at] - step))], 2)


def draw(score: float | None, ends: Sequence[float] | None, scale: tuple[float, float], width: int = BAR) -> str:
    """An interval as dots with its score as a disc, between the two ends of a scale.

    >>> draw(0.5, [0.25, 0.75], (0.0, 1.0), width=9)
    '  ··●··  '
    >>> draw(0.1, [0.05, 0.15], (0.5, 1.0), width=9)  # off the scale
    '‹        '
    """
    if score is None or not math.isfinite(score):
        return " " * width
    if not scale[0] <= score <= scale[1]:
        return f"{'‹':<{width}}" if score < scale[0] else f"{'›':>{width}}"
    low, high = ends if ends else (score, score)
    at = [_place(value, scale, width) for value in (low, score, high)]
    return "".join("●" if i == at[1] else "·" if at[0] <= i <= at[2] else " " for i in range(width))


def number(value: Any, digits: int = 4) -> str:
    """A number as people write it: four digits that count; a dash for none.

    >>> number(0.98765), number(0.5), number(52345.678), number(None)
    ('0.9877', '0.5000', '52,346', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0 or 1e-3 <= abs(value) < 10 ** (digits - 1):
        whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
        return f"{value:.{max(digits - max(whole, 0), 0)}f}"
    return f"{value:,.0f}" if 1 <= abs(value) < 1e9 else f"{value:.{digits - 1}g}"


def interval(ends: Sequence[float] | None) -> str:
    """The two ends of an interval.

    >>> interval([0.97, 0.995])
    '0.9700 to 0.9950'
    """
    return f"{number(ends[0])} to {number(ends[1])}" if ends else ""


def count(n: int, noun: str) -> str:
    """A count with its noun.

    >>> count(1, "row"), count(12345, "row"), count(2, "class"), count(3, "series")
    ('1 row', '12,345 rows', '2 classes', '3 series')
    """
    if noun == "series":
        return f"{n:,} series"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{n:,} {noun if n == 1 else plural}"


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(4.24), duration(75), duration(7300)
    ('4.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _hanging(sentence: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text("·", "dim"), Text(sentence))
    return grid


def _sortable(sign: int, score: float | None) -> float:
    return math.inf if score is None or not math.isfinite(score) else sign * score


def _scale(rows: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """From the lowest to the highest end, the worst model (often far off: the majority class) left out."""
    ends = [value for row in rows for value in (row.get("interval") or [row.get("score")])]
    known = [value for value in ends if value is not None and math.isfinite(value)]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _place(value: float, scale: tuple[float, float], width: int) -> int:
    share = (value - scale[0]) / ((scale[1] - scale[0]) or 1.0)
    return round(min(max(share, 0.0), 1.0) * (width - 1))


# -- errors -----------------------------------------------------------------------------------------------------------


def show_error(given: str, expected: str = "", mend: str = "", *, as_json: bool = False) -> None:
    """What was given, what was expected, how to mend it: on stderr, and as the last line of stdout with ``--json``."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.print(Text.assemble(("error ", "bold red"), given), soft_wrap=True)
    for name, text in (("expected", expected), ("to mend it", mend)):
        if text:
            lines = text.splitlines()
            label = f"  {name}: "
            console.print(Text.assemble((label, "dim"), f"\n{' ' * len(label)}".join(lines)), soft_wrap=True)
    if as_json:
        give_json({"error": given, "expected": expected, "mend": mend})


# -- progress ---------------------------------------------------------------------------------------------------------


class ProgressLine:
    """An observer that keeps one live line in a terminal, and writes a few plain lines elsewhere (a file, a log).

    A call gets a Progress (stage, text, fraction, values) and answers whether to go on.
    """

    def __init__(self, terminal: Terminal, stop: Interrupt) -> None:
        self.terminal, self.stop = terminal, stop
        self.live = Live(console=terminal.console, transient=True, refresh_per_second=8)
        self.living = terminal.console.is_terminal and not terminal.quiet
        self.stage, self.last, self.told = "", "", ""
        self.begun, self.since, self.patience = 0.0, -math.inf, PATIENCE

    def __enter__(self) -> Self:
        if self.living:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish_stage()
        if self.living:
            self.live.stop()

    def __call__(self, progress: Progress) -> bool:
        """Show where the work stands; False asks it to stop after the chunk."""
        if progress.stage != self.stage:
            self._finish_stage()
            self.stage, self.begun = progress.stage, time.monotonic()
            self.since, self.patience = -math.inf, PATIENCE
        self.last = progress.text
        if self.living:
            left = remaining(time.monotonic() - self.begun, progress.fraction)
            self.live.update(_line(self.stage, self.last + left, progress.fraction))
        elif time.monotonic() - self.since > self.patience:
            self._tell()
        if self.stop.asked and progress.stage != "training":
            raise KeyboardInterrupt  # there is no chunk to finish
        return not self.stop.asked

    def _tell(self) -> None:
        self.patience *= 1 if self.since < 0 else 2
        self.since, self.told = time.monotonic(), self.last
        self.terminal.say(Text.assemble((f"{self.stage:<13} ", "dim"), self.last))

    def _finish_stage(self) -> None:
        if self.stage and self.last and self.told != self.last:
            self._tell()


def remaining(elapsed: float, fraction: float | None) -> str:
    """How long a stage may still take, once enough of it is done to tell.

    >>> remaining(30.0, 0.25), remaining(0.5, 0.01)
    (', about 1 min 30 s to go', '')
    """
    if not fraction or elapsed < 2 or fraction >= 1:
        return ""
    return f", about {duration(elapsed / fraction - elapsed)} to go"


def _line(stage: str, text: str, fraction: float | None) -> Table:
    grid = Table.grid(padding=(0, 1), expand=False)
    bar = ProgressBar(total=1.0, completed=fraction or 0.0, pulse=fraction is None, width=BAR)
    grid.add_row(Text(f"{stage:<13}", "dim"), bar, Text(text, overflow="ellipsis", no_wrap=True))
    return grid


class Interrupt:
    """Ctrl-C while a training runs: the first asks it to stop after its chunk, the second stops at once.

    The handler only sets a flag and writes bytes: printing there could cut into a print that it interrupts.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        import signal
        import threading

        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import signal

        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, signal_number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        os.write(2, b"\nStopping after this chunk and saving. Ctrl-C again stops at once.\n")


def relative(path: Path | str) -> str:
    """A path as short as it can be typed from here.

    >>> relative(Path.cwd() / "runs" / "a")
    'runs/a'
    """
    path = Path(path)
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
