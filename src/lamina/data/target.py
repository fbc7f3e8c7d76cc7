"""The target: which column is to be predicted, what kind of task that makes, and the labels as numbers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np

from lamina.data.examples import Note, Task
from lamina.data.schema import cast, category_order, find_column, infer_schema, nearest, not_missing
from lamina.data.table import Table
from lamina.data.words import match_key, texts
from lamina.errors import DataError, OptionError, TargetError

_NAMES = ("target", "label", "labels", "class", "classes", "y", "outcome", "response", "species", "diagnosis", "result")
_POSITIVE = ("true", "yes", "y", "positive", "pos", "malignant", "spam", "t")
_MOST_CLASSES = 20
_ROWS_A_CLASS = 10


def resolve_target(table: Table, target: str | None) -> tuple[str, tuple[Note, ...]]:
    """The target column's name: the one named (or its position, "-1"), or the one column that is called like a target.

    TargetError offers the nearest names, or the likely targets with the command for each.

    >>> from lamina.data.table import read_table
    >>> resolve_target(read_table("sample:penguins"), None)[0]
    'species'
    """
    if len(table.names) == 1:
        where = table.source.path if table.source else "The table"
        raise DataError(
            f'{where} has one column, "{table.names[0]}".',
            expected="At least two: a target and something to predict it from.",
            mend="Add the other columns; if they stand in one, save the file with commas between them.",
        )
    if target is not None:
        return _named_target(table, str(target)), ()
    called = [name for name in table.names if name.strip().lower() in _NAMES]
    if len(called) == 1:
        text = f'No target was named: "{called[0]}" is taken, by its name. --target NAME takes another.'
        return called[0], (Note("target-taken", text),)
    file = shlex.quote(table.source.path if table.source else "FILE")
    likely = [name for name in called if _makes_a_task(table, name)] or likely_targets(table)
    raise TargetError(
        f"No target is named, and {'several columns are' if called else 'none is'} called like one.",
        expected="The column to predict, with --target NAME.",
        mend="".join(f"\n    lamina train {file} --target {shlex.quote(name)}" for name in likely),
    )


def _named_target(table: Table, target: str) -> str:
    try:
        return find_column(table.names, target)
    except TargetError as error:
        near = nearest(target, table.names) or likely_targets(table)
        mend = "   or   ".join(f"--target {shlex.quote(name)}" for name in near)
        raise TargetError(error.given, expected=error.expected, mend=mend) from None


def likely_targets(table: Table) -> list[str]:
    """Up to six columns that could be the target, likeliest first: the last and first, then those with few values."""
    schema = infer_schema(table)
    kinds = ("number", "category", "boolean")
    able = [column for column in schema.columns if column.kind in kinds and _makes_a_task(table, column.name)]
    if not able:
        return list(table.names[-1:])
    ends = [able[-1], able[0]]
    few = sorted((c for c in able if 2 <= c.distinct <= _MOST_CLASSES), key=lambda c: (c.distinct, -c.position))
    others = [c for c in few if c not in ends] + [c for c in able[::-1] if c not in few and c not in ends]
    first_few = ends[0] in few or ends[1] not in few
    ordered = [*(ends if first_few else ends[::-1]), *others]
    return list(dict.fromkeys(column.name for column in ordered))[:6]


def _makes_a_task(table: Table, name: str) -> bool:
    try:
        infer_task(not_missing(table.columns[name]), target=name)
    except TargetError:
        return False
    return True


def infer_task(
    values: np.ndarray,
    *,
    target: str,
    positive: str | None = None,
    kind: str | None = None,
    table: Table | None = None,
) -> tuple[Task, np.ndarray, tuple[Note, ...]]:
    """The task that a target column makes, and its values encoded: int32 class numbers, or float64 values, [n].

    values: the target of the rows that have one. Words, truth and few whole numbers are classes; other numbers are to
    be estimated. ``kind`` "category" or "number" decides it instead. ``table`` gives the rows their names in errors.
    Raises TargetError for a constant target, dates, and a class with one row; OptionError for a ``positive`` that is
    no class.

    >>> task, encoded, _ = infer_task(np.array(["b", "a", "b", "a"], dtype=object), target="t")
    >>> task.kind, task.classes, encoded.tolist()
    ('classification', ('a', 'b'), [1, 0, 1, 0])
    """
    if not len(values):
        raise TargetError(
            f'All values of the target "{target}" are missing.',
            expected="A value in at least some rows.",
            mend="Name another column with --target, or fill this one.",
        )
    if kind is not None:
        values = cast(values, "number" if kind == "number" else "category", name=target, table=table)
    _check_usable(values, target)
    chosen = kind in ("category", "boolean")
    if values.dtype.kind == "f" and (kind == "number" or not (chosen or _are_classes(values))):
        if positive is not None:
            raise _no_positive(positive, f'The target "{target}" is a number, so no label is positive.', [])
        return Task("regression", target), values.astype(np.float64), _regression_notes(values, target, kind)
    notes = _class_notes(values, target) if values.dtype.kind == "f" and not chosen else ()
    task = _classes(texts(values), target, positive, table)
    encoded, _ = encode_labels(texts(values), task)
    return task, encoded, notes


def _check_usable(values: np.ndarray, target: str) -> None:
    if values.dtype.kind == "M":
        raise TargetError(
            f'The target "{target}" is a date or time.',
            expected="Classes or numbers.",
            mend=f"Name another column with --target, or turn {target} into a number, such as days from now.",
        )
    if np.all(values == values[0]):
        raise TargetError(
            f'The target "{target}" is constant: every row has {texts(values[:1])[0]}.',
            expected="At least two different values.",
            mend="Name another column with --target.",
        )


def _are_classes(values: np.ndarray) -> bool:
    """Whether numbers stand for classes: whole, few, each often enough, and each at least twice."""
    if np.any(values != np.floor(values)):
        return False
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 2:
        return True
    few = len(distinct) <= _MOST_CLASSES and len(distinct) * _ROWS_A_CLASS <= len(values)
    return bool(few and counts.min() > 1)


def _class_notes(values: np.ndarray, target: str) -> tuple[Note, ...]:
    count = len(np.unique(values))
    if count == 2:
        return ()
    ask = shlex.quote(f"{target}=number")
    text = f'The target "{target}" has {count} different whole numbers, taken as classes: --types {ask} for amounts.'
    return (Note("numbers-as-classes", text),)


def _regression_notes(values: np.ndarray, target: str, kind: str | None) -> tuple[Note, ...]:
    count = len(np.unique(values))
    if kind is not None or np.any(values != np.floor(values)) or count > 2 * _MOST_CLASSES:
        return ()
    ask = shlex.quote(f"{target}=category")
    text = f'The target "{target}" has {count} different whole numbers, taken as amounts: --types {ask} for classes.'
    return (Note("numbers-as-amounts", text),)


def _classes(words: np.ndarray, target: str, positive: str | None, table: Table | None) -> Task:
    """The classes in order, merging spellings of one label ("3", "3.0"), each with at least two rows."""
    spelled: dict[str, dict[str, int]] = {}
    for word in words.tolist():
        spelling = spelled.setdefault(match_key(word), {})
        spelling[word] = spelling.get(word, 0) + 1
    labels = {key: max(counts, key=lambda w: (counts[w], w)) for key, counts in spelled.items()}
    rows = {labels[key]: sum(counts.values()) for key, counts in spelled.items()}
    lonely = [label for label, count in rows.items() if count == 1]
    if lonely:
        raise _lonely(lonely, len(rows), words, target, table)
    if len(rows) < 2:
        raise TargetError(
            f'The target "{target}" has one class.', expected="At least two.", mend="Name another column with --target."
        )
    classes = tuple(sorted(rows, key=category_order))
    return Task("classification", target, classes, _positive_of(classes, rows, positive))


def _lonely(lonely: list[str], classes: int, words: np.ndarray, target: str, table: Table | None) -> TargetError:
    if len(lonely) > classes / 2 and classes > 10:
        return TargetError(
            f'The target "{target}" has {classes:,} different texts in {len(words):,} rows: most occur once.',
            expected="A few classes with several rows each, or a number.",
            mend="Name another column with --target.",
        )
    row = int(np.flatnonzero(words == lonely[0])[0])
    where = table.row_name(row) if table is not None else f"row {row + 1}"
    more = f" (so do {len(lonely) - 1} more classes)" if len(lonely) > 1 else ""
    mend = f"Remove {where}, or add rows of this class, or name another column with --target."
    if table is not None and table.lines is not None and table.source is not None:
        lines = table.lines[[int(np.flatnonzero(words == label)[0]) for label in lonely]]
        if table.source.path.lower().endswith((".csv", ".tsv", ".txt", ".data")):
            delete = ";".join(f"{line}d" for line in lines[:20])
            mend = f"sed '{delete}' {shlex.quote(table.source.path)} > without.csv   # or add rows of the class"
    return TargetError(
        f'The class "{lonely[0]}" of the target "{target}" has one row, {where}{more}.',
        expected="At least two rows of each class: one to learn from and one to judge with.",
        mend=mend,
    )


def _positive_of(classes: Sequence[str], rows: dict[str, int], positive: str | None) -> str | None:
    """The label that two-class measures look at: the one asked for, one that says yes, or the rarer."""
    if positive is not None:
        found = [label for label in classes if match_key(label) == match_key(positive)]
        if not found:
            raise _no_positive(positive, f'"{positive}" is no class of the target.', classes)
        return found[0] if len(classes) == 2 else None
    if len(classes) != 2:
        return None
    if match_key(classes[1]) == "1":  # beside 0 or -1
        return classes[1]
    saying_yes = [label for label in classes if label.lower() in _POSITIVE]
    return saying_yes[0] if len(saying_yes) == 1 else min(classes[::-1], key=lambda label: rows[label])


def _no_positive(positive: str, given: str, classes: Sequence[str]) -> OptionError:
    mend = f"--positive {shlex.quote(classes[-1])}" if classes else f"Leave --positive {positive} out."
    return OptionError(given, expected=" or ".join(classes[:10]) or "No --positive.", mend=mend)


def encode_labels(words: np.ndarray, task: Task) -> tuple[np.ndarray, tuple[Note, ...]]:
    """Labels as int32 class numbers of the task, -1 where missing or no class of it, [n].

    A label that differs from a class by spaces or a trailing dot only (">50K." for ">50K") is this class, and a note
    says so.

    >>> task = Task("classification", "income", ("<=50K", ">50K"), ">50K")
    >>> encode_labels(np.array([">50K.", "<=50K", None, "?!"], dtype=object), task)[0].tolist()
    [1, 0, -1, -1]
    """
    exact = {match_key(label): i for i, label in enumerate(task.classes)}
    loose = {_loose(label): i for i, label in enumerate(task.classes)}
    codes: dict[str | None, int] = {None: -1}
    differing = []
    for word in dict.fromkeys(words.tolist()):
        if word is None:
            continue
        code = exact.get(match_key(word), -1)
        if code < 0 and len(loose) == len(exact) and (code := loose.get(_loose(word), -1)) >= 0:
            differing.append(f'"{word}" as "{task.classes[code]}"')
        codes[word] = code
    encoded = np.fromiter((codes[word] for word in words.tolist()), dtype=np.int32, count=len(words))
    text = f"Labels that differ by a trailing dot or spaces only are matched: {', '.join(differing)}."
    return encoded, (Note("labels-matched", text, matters=True),) if differing else ()


def _loose(label: str) -> str:
    return " ".join(match_key(label).rstrip(". ").split())


def encode_targets(
    values: np.ndarray, task: Task, *, table: Table | None = None
) -> tuple[np.ndarray, tuple[Note, ...]]:
    """A target column as the task encodes it: int32 class numbers (-1 missing) or float64 values (NaN missing), [n].

    For rows to judge with: TargetError names the first label that is no class of the task, SchemaError the first that
    is no number.
    """
    if task.kind == "regression":
        return cast(values, "number", name=task.target, table=table), ()
    words = texts(values)
    encoded, notes = encode_labels(words, task)
    unknown = np.flatnonzero((encoded < 0) & (words != np.array(None)))
    if len(unknown):
        row = int(unknown[0])
        where = table.row_name(row) if table is not None else f"row {row + 1}"
        raise TargetError(
            f'The label "{words[row]}" in {where} is no class that was trained ({len(unknown)} rows have such labels).',
            expected=", ".join(task.classes[:20]),
            mend="Correct these labels, or leave the rows out.",
        )
    return encoded, notes
