"""Files of the UCR and UEA archives: ``.ts``, relational ARFF, and text with the label first; their TRAIN/TEST pairs.

The ``.ts`` format is that of Löning et al. 2019 ("sktime: a unified interface for machine learning with time series"):
lines with @ say what is there, then each line is a series, its channels apart by ":", its label last. The older text
files have no header: a line is the label and the steps (Dau et al. 2019, "The UCR time series archive").
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamina.data.dialect import decode
from lamina.data.examples import Note
from lamina.data.ragged import Layout, Ragged, as_float32, channel_names, finite, trimmed
from lamina.data.tablefile import TableFile
from lamina.data.words import is_missing, tidy
from lamina.errors import DataError, TargetError

_PART = re.compile(r"(?P<name>.+)_(?P<part>TRAIN|TEST)(?P<ending>(\.ts|\.arff|\.txt|\.tsv)?(\.gz)?)")
_ENDINGS = (".ts", ".arff", ".tsv", ".txt", "")  # of files that hold the same set, the one that says most first
_PEEK = 1 << 20
_RELATIONAL = re.compile(r"(?im)^\s*@attribute\s+(?P<name>'[^']*'|\"[^\"]*\"|\S+)\s+relational\s*$")
_ARFF_DATA = re.compile(r"(?im)^[ \t]*@data\b")
_ARFF_CASE = re.compile(r"""\s*(?P<quote>['"])(?P<values>.*?)(?P=quote)\s*(,\s*(?P<label>.*?)\s*)?$""")
_AGAIN = "Fetch the file again, or correct the line."
_LONG_FORM = "Write a table with a step a row: lamina train FILE.csv --series SERIES --order TIME --target LABEL"


# --- Which files -----------------------------------------------------------------------------------------------------


def is_series(path: Path) -> bool:
    """Whether a path holds time series by its name and first lines, so that nobody need say so.

    That is a .ts file; an ARFF file with a relational attribute; a file of nothing but numbers whose name ends in
    _TRAIN or _TEST (in capitals); or a folder that holds such a pair.
    """
    if path.is_dir():
        return any(map(is_series, (train for train, _ in _pairs(path).values())))
    kind = _kind(path.name)
    if not path.is_file() or kind is None:
        return False
    part = _PART.fullmatch(path.name) is not None
    if kind == ".arff":
        return _RELATIONAL.search(_head(path)) is not None or (part and wide_arff(path) is not None)
    return kind == ".ts" or (part and _only_numbers(_head(path)))


def wide_arff(path: Path) -> str | None:
    """How labels count in an ARFF file of nothing but numeric attributes and, last, the label: a set of one channel.

    "category" where the file lists the labels, "number" where not; None for other files.
    """
    if _kind(path.name) != ".arff":
        return None
    head, mark, _ = _head(path).lower().partition("@data")
    found = [line.split() for line in head.splitlines()]
    kinds = [words[-1] for words in found if len(words) > 2 and words[0] == "@attribute"]
    if not mark or len(kinds) < 3 or not set(kinds[:-1]) <= {"numeric", "real", "integer"}:
        return None
    return "number" if kinds[-1] in ("numeric", "real", "integer") else "category"


def is_listed(path: Path) -> bool:
    """Whether ``read_listed`` reads a file: what ``is_series`` says of files, or text of nothing but numbers."""
    if wide_arff(path) is not None:
        return False
    return path.is_file() and (
        is_series(path) or (_kind(path.name) in (".txt", ".tsv", "") and _only_numbers(_head(path)))
    )


def _kind(name: str) -> str | None:
    """The ending of a name that a file of the archive may have, without .gz; None for others."""
    ending = Path(name.removesuffix(".gz")).suffix.lower()
    if _PART.fullmatch(name) and ending not in _ENDINGS:
        ending = ""  # a dot in the name of a set
    return ending if ending in _ENDINGS else None


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_PEEK)
        if data[:2] == b"\x1f\x8b":
            data = zlib.decompressobj(wbits=31).decompress(data, _PEEK)
        return decode(data)[0]
    except (OSError, zlib.error, DataError):
        return ""


def _only_numbers(text: str) -> bool:
    """Whether the first line is a label and at least two numbers; its last cell may be cut off."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    cells = _split(first, _delimiter(first))[:-1] if len(text) >= _PEEK else _split(first, _delimiter(first))
    return len(cells) > 2 and all(is_missing(cell) or _number(cell) is not None for cell in cells[1:])


def _pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The training and test files in a folder by the name of their set, of several formats one."""
    found: dict[tuple[str, str], dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        if (part := _PART.fullmatch(path.name)) and path.is_file():
            found.setdefault((part["name"], part["ending"]), {})[part["part"]] = path
    pairs: dict[str, tuple[Path, Path]] = {}
    for (name, _), parts in sorted(found.items(), key=lambda item: _ENDINGS.index(item[0][1].removesuffix(".gz"))):
        if len(parts) == 2:
            pairs.setdefault(name, (parts["TRAIN"], parts["TEST"]))
    return pairs


def archive_pair(place: Path) -> tuple[Path, Path | None]:
    """The training file that a path names, and the official test file beside it or None.

    In a folder with several sets, the one that is called like the folder; DataError where none is.
    """
    if not place.is_dir():
        part = _PART.fullmatch(place.name)
        beside = place.with_name(f"{part['name']}_TEST{part['ending']}") if part and part["part"] == "TRAIN" else None
        return place, beside if beside is not None and beside.is_file() else None
    pairs = _pairs(place)
    named = [name for name in pairs if name.lower() == place.resolve().name.lower()] or list(pairs)
    if len(named) != 1:
        raise DataError(
            f"{place} holds {len(pairs) or 'no'} sets of series{': ' * bool(pairs)}{', '.join(sorted(pairs))}.",
            expected="A folder with one _TRAIN and one _TEST file, or one such file.",
            mend=f"Name the file: lamina train {pairs[named[0]][0]}" if named else "Name the file.",
        )
    return pairs[named[0]]


# --- Reading ---------------------------------------------------------------------------------------------------------


def read_listed(path: Path, target: str | None = None, *, unlabelled: int | None = None) -> Ragged:
    """The series of one file of the archive, with their labels.

    ``target`` says where the label stands in a text file: "1" (as is usual) or "-1". ``unlabelled`` is for such files
    to predict: it has no labels unless its name says so (_TRAIN, _TEST) or its lines have one number more than these
    steps. DataError, with the line, for a file that is cut off or not what its header says.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "reading failed").lower()
        raise DataError(
            f"{path} can't be read: {reason}.", expected="A file of series.", mend="Check the path."
        ) from error
    file = TableFile(str(path), path.suffix.lower(), content)
    text = decode(file.unpacked().data)[0].replace("\r\n", "\n").replace("\r", "\n")
    kind = _kind(path.name)
    if kind in (".ts", ".arff"):
        cases = _ts_cases(text, str(path)) if kind == ".ts" else _arff_cases(text, str(path))
        _check_target(target, cases.target, str(path))
    else:
        cases = _text_cases(text, str(path), target, unlabelled)
    names = np.array([f"line {case.line}" for case in cases.cases], dtype=object)
    labels = None if cases.target is None else tidy([case.label for case in cases.cases])
    if labels is not None and all(word is None or _number(word) is not None for word in labels.tolist()):
        labels = finite(np.array([np.nan if word is None else float(word) for word in labels.tolist()]))
    kind_of_labels = cases.kind or _fractions(labels)
    layout = Layout("listed", channel_names(cases.channels), target=cases.target, label_place=target)
    values = tuple(case.values for case in cases.cases)
    return Ragged(values, labels, names, layout, file.source, kind_of_labels, notes=cases.notes)


def _check_target(asked: str | None, there: str | None, where: str) -> None:
    if asked is not None and asked not in (there, "-1"):
        raise TargetError(
            f'{where} has no target "{asked}".',
            expected=f'"{there}", the label that its format has.' if there else "No --target: it has no labels.",
            mend="Leave --target out.",
        )


@dataclass(frozen=True)
class _Case:
    """One line: its number in the file, its steps [time, channels], and its label as it is written."""

    line: int
    values: np.ndarray
    label: str | None


@dataclass(frozen=True)
class _Cases:
    """All lines of a file; ``target`` is what the label is called (None: there are no labels)."""

    cases: list[_Case]
    target: str | None
    kind: str | None = None
    notes: tuple[Note, ...] = ()

    @property
    def channels(self) -> int:
        """How many channels each series has."""
        return self.cases[0].values.shape[1]


def _fractions(labels: np.ndarray | None) -> str:
    """Labels of a file that says nothing of them are classes, unless they are numbers with fractions."""
    if labels is None or labels.dtype.kind != "f":
        return "category"
    return "number" if np.any(np.mod(labels[~np.isnan(labels)], 1)) else "category"


def _lines(text: str, first: int, comment: str) -> list[tuple[int, str]]:
    """The lines with something in them from a number (from 0) on, with their numbers as people count them."""
    lines = enumerate(text.split("\n")[first:], start=first + 1)
    return [(number, line) for number, line in lines if line.strip() and not line.lstrip().startswith(tuple(comment))]


def _broken(where: str, line: int, given: str, expected: str, mend: str = _AGAIN) -> DataError:
    return DataError(f"{where}, line {line}: {given}", expected=expected, mend=mend)


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _steps(cells: Sequence[str], where: str, line: int) -> np.ndarray:
    """Cells as numbers, NaN for what means missing; DataError names the first that is neither."""
    with contextlib.suppress(ValueError):
        if not any("_" in cell for cell in cells):  # NumPy would take 1_000 for a number
            return np.array(cells, np.float64)
    numbers = [np.nan if is_missing(cell) else _number(cell) for cell in cells]
    if None in numbers:
        at = numbers.index(None)
        given, expected = f'the step {at + 1} is "{cells[at].strip()[:40]}".', 'A number, or "?" where it is missing.'
        raise _broken(where, line, given, expected)
    return np.array(numbers, np.float64)


def _channels(parts: Sequence[Sequence[str]], where: str, line: int) -> np.ndarray:
    """Channels as [time, channels], NaN where one is shorter than the longest."""
    steps = [as_float32(_steps(cells, where, line)) for cells in parts]
    values = np.full((max(map(len, steps)), len(steps)), np.nan, np.float32)
    for channel, one in enumerate(steps):
        values[: len(one), channel] = one
    return values


def _some(cases: list[_Case], where: str) -> list[_Case]:
    if not cases:
        raise DataError(f"{where} holds no series.", expected="A series a line.", mend="Fetch the file again.")
    return cases


def _check_counts(cases: Sequence[_Case], where: str, said: tuple[str, int] | None) -> None:
    """Refuse a line with another number of channels than the header says or, if it doesn't, the first line."""
    by, count = said or (f"line {cases[0].line}", cases[0].values.shape[1])
    wrong = [case for case in cases if case.values.shape[1] != count]
    if not wrong:
        return
    found = wrong[0].values.shape[1]
    mend = _AGAIN if len(wrong) < len(cases) else f"Correct the header: {found} channels, as every line has."
    raise _broken(where, wrong[0].line, f"channels: {found}, where {by} has {count}.", f"Channels: {count}.", mend)


# --- .ts -------------------------------------------------------------------------------------------------------------


def _ts_cases(text: str, where: str) -> _Cases:
    facts, first = _ts_header(text, where)
    if facts.get("timestamps", ["false"])[:1] == ["true"]:
        raise DataError(f"{where} has time stamps within its lines.", expected="@timeStamps false", mend=_LONG_FORM)
    labels = facts.get("classlabel", ["false"])
    number = facts.get("targetlabel", ["false"])[:1] == ["true"]
    labelled = number or labels[:1] == ["true"]
    cases = [_ts_case(line, number, where, labelled) for number, line in _lines(text, first, "#%")]
    _check_ts(_some(cases, where), facts, where)
    if not labelled:
        return _Cases(cases, None)
    _check_labels(cases, None if number else labels[1:], where)
    return _Cases(cases, "target" if number else "class", "number" if number else "category")


def _ts_header(text: str, where: str) -> tuple[dict[str, list[str]], int]:
    """The words behind each @name, in lower case but for labels, and the number of the line behind @data."""
    facts: dict[str, list[str]] = {}
    for number, line in enumerate(text.split("\n")):
        words = line.split()
        if not words or line.lstrip().startswith(("#", "%")):
            continue
        name = words[0].lower()
        if name == "@data":
            return facts, number + 1
        if not name.startswith("@"):
            break
        facts[name[1:]] = [words[1].lower(), *words[2:]] if len(words) > 1 else []
    raise DataError(
        f"{where} has no line @data before its series.",
        expected="A .ts file: lines with @, @data, then a series a line.",
        mend="Fetch the file again.",
    )


def _ts_case(line: str, number: int, where: str, labelled: bool) -> _Case:
    if line.lstrip().startswith("("):
        raise _broken(where, number, "steps with time stamps.", "Numbers only.", _LONG_FORM)
    parts = line.strip().split(":")
    label = parts.pop().strip() if labelled else None
    if not parts:
        raise _broken(where, number, "one part only.", 'Channels and a label, with ":" between them.')
    return _Case(number, _channels([part.split(",") if part.strip() else [] for part in parts], where, number), label)


def _check_ts(cases: Sequence[_Case], facts: dict[str, list[str]], where: str) -> None:
    """Refuse lines that are not what the header says: cut off, or of other channels or steps."""
    univariate = ("@univariate", 1) if facts.get("univariate", [""])[:1] == ["true"] else None
    said = _said(facts, "dimensions") or _said(facts, "dimension") or univariate
    _check_counts(cases, where, said)
    steps = _said(facts, "seriesLength")
    if steps is None or facts.get("equallength", ["true"])[:1] == ["false"]:
        return
    wrong = [case for case in cases if len(case.values) != steps[1]]
    if wrong:
        found = len(wrong[0].values)
        mend = _AGAIN if len(wrong) < len(cases) else f"Correct the header: @seriesLength {found}"
        given = f"{found} steps, where {steps[0]} says {steps[1]}."
        raise _broken(where, wrong[0].line, given, f"{steps[1]} steps, or @equalLength false.", mend)


def _said(facts: dict[str, list[str]], name: str) -> tuple[str, int] | None:
    words = facts.get(name.lower(), [])
    return (f"@{name}", int(words[0])) if words and words[0].isdigit() and int(words[0]) > 0 else None


def _check_labels(cases: Sequence[_Case], known: list[str] | None, where: str) -> None:
    """Refuse a line whose last part is none of the labels that the header lists, or no number."""
    for case in cases:
        label = case.label or ""
        fits = _number(label) is not None if known is None else not known or label in known
        if not (fits or is_missing(label)):
            expected = "A number as the last part." if known is None else f"One of {', '.join(known[:20])}."
            raise _broken(where, case.line, f'the label is "{label[:40]}".', expected)


# --- ARFF ------------------------------------------------------------------------------------------------------------


def _arff_cases(text: str, where: str) -> _Cases:
    """A set of several channels: a relational attribute, whose rows are the channels, then the label."""
    head, mark = (text[: at.start()], "@data") if (at := _ARFF_DATA.search(text)) else (text, "")
    relation = _RELATIONAL.search(head)
    if not mark or relation is None:
        raise DataError(
            f"{where} has no {'@data' if not mark else 'relational attribute'}.",
            expected="ARFF with a relational attribute and a label.",
            mend="Fetch the file again.",
        )
    after = re.split(rf"(?im)^\s*@end\s+{re.escape(relation['name'])}\s*$", head[relation.end() :], maxsplit=1)
    labels = re.findall(r"(?im)^\s*@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(\{.*\}|\S+)", after[-1])
    if len(after) != 2 or len(labels) > 1 or "@attribute" in head[: relation.start()].lower():
        raise DataError(
            f"{where} has other attributes beside the series and a label.",
            expected="One relational attribute, then at most one for the label.",
            mend="Remove the others.",
        )
    first = head.count("\n") + 1
    cases = [_arff_case(line, number, where, bool(labels)) for number, line in _lines(text, first, "%")]
    _check_counts(_some(cases, where), where, None)
    if not labels:
        return _Cases(cases, None)
    name, kind = labels[0]
    return _Cases(cases, name.strip("'\""), "category" if kind.startswith("{") else "number")


def _arff_case(line: str, number: int, where: str, labelled: bool) -> _Case:
    found = _ARFF_CASE.fullmatch(line)
    if found is None or labelled != (found["label"] is not None):
        raise _broken(where, number, "no quoted series with a label behind it.", r"'1,2,3\n4,5,6',label")
    values = _channels([part.split(",") for part in found["values"].split("\\n")], where, number)
    return _Case(number, trimmed(values), found["label"].strip("'\"") if labelled else None)


# --- Text ------------------------------------------------------------------------------------------------------------


def _text_cases(text: str, where: str, target: str | None, unlabelled: int | None) -> _Cases:
    lines = _lines(text, 0, "#")
    delimiter = _delimiter(lines[0][1]) if lines else None
    counts = [len(_split(line, delimiter)) for _, line in lines]
    width = max(counts, default=2)
    labelled = unlabelled in (None, width - 1) or _PART.fullmatch(Path(where).name) is not None
    if labelled and width < 2:
        raise DataError(
            f"{where} has one number a line.", expected="A label, then the steps, on each line.", mend=_LONG_FORM
        )
    _check_whole(counts, [number for number, _ in lines], where)
    at = _label_place(target, where)
    cases = []
    for number, line in lines:
        cells = _split(line, delimiter)
        label = cells.pop(at) if labelled else None
        cases.append(_Case(number, trimmed(_channels([cells], where, number)), label))
    said = (
        f"The {'first' if at == 0 else 'last'} number of each line is its label" if labelled else "No line has a label"
    )
    notes = () if unlabelled is None else (Note("label-place", f"{said}: lines have up to {width:,} numbers."),)
    return _Cases(_some(cases, where), "class" if labelled else None, notes=notes)


def _delimiter(line: str) -> str | None:
    """What separates cells: a comma, a semicolon or a tab if there is one, else blanks (None)."""
    return next((mark for mark in ",;\t" if mark in line), None)


def _split(line: str, delimiter: str | None) -> list[str]:
    return [cell.strip() for cell in line.strip(" ").split(delimiter)] if delimiter else line.split()


def _label_place(target: str | None, where: str) -> int:
    if target in (None, "1", "class"):
        return 0
    if target == "-1":
        return -1
    raise TargetError(
        f'{where} has no column "{target}": its lines have no names.',
        expected='"1" (the label comes first, as in the archive) or "-1" (last).',
        mend="--target 1",
    )


def _check_whole(counts: Sequence[int], numbers: Sequence[int], where: str) -> None:
    """Refuse a file that is cut off in its last line: the only one that is shorter."""
    most, times = Counter(counts).most_common(1)[0] if len(counts) > 2 else (0, 0)
    if times == len(counts) - 1 and counts[-1] < most:
        given = f"{counts[-1]} numbers, where every other line has {most}: the file is cut off."
        raise _broken(where, numbers[-1], given, f"{most} numbers.", "Fetch the file again, or remove its last line.")
