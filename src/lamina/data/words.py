"""Words: the cells of a text column, and what they mean when all of them mean numbers, dates, truth or nothing.

A column is read as a whole: one word that is no number keeps the column text, so no value is lost without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from lamina.data.examples import Note

MISSING = ("", "na", "n/a", "?", "null", "none", "nan")
"""Cells that mean "missing", in lower case and without spaces around them."""

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?")
_CODE = re.compile(r"\d{2,}")
_DATES = ("%Y/%m/%d", "%Y-%m", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d %B %Y")
_TIMES = ("", " %H:%M", " %H:%M:%S")
_EXACT = 10**15


def is_missing(word: str) -> bool:
    """Whether a cell means that there is no value.

    >>> [is_missing(word) for word in ("NA", " ? ", "", "none", "Nantes")]
    [True, True, True, True, False]
    """
    return word.strip().lower() in MISSING


def number_text(value: float) -> str:
    """A number as the word that stands for it as a category or class.

    >>> number_text(3.0), number_text(-0.0), number_text(2.5)
    ('3', '0', '2.5')
    """
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def match_key(word: str) -> str:
    """What two spellings of one category share, whether a file held it as text or as a number.

    >>> match_key("3.0") == match_key(" 3") == "3", match_key("Biscoe "), match_key("007")
    (True, 'Biscoe', '7')
    """
    word = word.strip()
    value = _number(word)
    return word if value is None or abs(value) >= _EXACT else number_text(value)


def texts(values: np.ndarray) -> np.ndarray:
    """Any column as an object array of words, None where missing; numbers as `number_text` writes them.

    >>> texts(np.array([1.0, np.nan])).tolist()
    ['1', None]
    """
    if values.dtype == object:
        return values
    if values.dtype.kind == "M":
        return np.array([None if v is None else v.isoformat(" ") for v in values.tolist()], dtype=object)
    distinct, inverse = np.unique(values, return_inverse=True)
    words = np.array([None if v != v else number_text(v) for v in distinct.tolist()], dtype=object)
    return words[inverse]


def tidy(values: Sequence[object]) -> np.ndarray:
    """Python values as an object array of trimmed words, None where missing; truth as "true" and "false".

    >>> tidy([" a", None, "NA", True, 2.0]).tolist()
    ['a', None, None, 'true', '2']
    """
    words: dict[object, str | None] = {}
    out = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        key = (type(value), value) if isinstance(value, (bool, int, float)) else value
        try:
            out[row] = words[key]
        except KeyError:
            out[row] = words[key] = _word(value)
        except TypeError:  # a list or a dict in a cell
            out[row] = _word(value)
    return out


def _word(value: object) -> str | None:
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else str(bool(value)).lower()
    if isinstance(value, (float, np.floating)):
        return None if value != value else number_text(float(value))
    word = (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()
    return None if word.lower() in (*MISSING, "<na>", "nat") else word


def meaning(words: np.ndarray, *, name: str, decimal_comma: bool = False) -> tuple[np.ndarray, tuple[Note, ...]]:
    """What a column of words is: float64, datetime64[us], "true"/"false", or the words as they are.

    words: object array [n] of trimmed words, None where missing. ``decimal_comma`` says that the file's delimiter isn't
    the comma, so that "1,5" can be one and a half. The notes say what had to be understood.

    >>> meaning(np.array(["1,200", None, "15"], dtype=object), name="price")[0].tolist()
    [1200.0, nan, 15.0]
    >>> meaning(np.array(["007", "123"], dtype=object), name="code")[0].tolist()
    ['007', '123']
    """
    distinct = [word for word in dict.fromkeys(words.tolist()) if word is not None]
    if not distinct:
        return words, ()
    readers: list[Callable[[list[str], str], _Meaning | None]] = [_plain, _marked]
    readers += [_comma] if decimal_comma else []
    for reader in (*readers, _truth, _dates):
        found = reader(distinct, name)
        if found is not None:
            return _spread(words, distinct, found[0]), found[1]
    return words, ()


_Meaning = tuple[np.ndarray, tuple[Note, ...]]


def _spread(words: np.ndarray, distinct: list[str], meanings: np.ndarray) -> np.ndarray:
    """The meanings of the distinct words, laid out by row, missing where there is no word."""
    nothing = {"f": np.nan, "M": np.datetime64("NaT"), "O": None}[meanings.dtype.kind]
    table = np.concatenate([meanings, np.array([nothing], dtype=meanings.dtype)])
    place = {word: i for i, word in enumerate(distinct)}
    return table[np.fromiter((place.get(w, -1) for w in words.tolist()), dtype=np.int64, count=len(words))]


def _number(word: str) -> float | None:
    """The finite or infinite number a word spells. Python's underscores and "nan" are no numbers in a data file."""
    if "_" in word or not word:
        return None
    try:
        value = float(word)
    except ValueError:
        return None
    return None if value != value else value


def are_codes(distinct: Sequence[str]) -> bool:
    """Digits of one length of which some begin with 0, such as ZIP codes: names, not amounts.

    >>> are_codes(["01234", "94110"]), are_codes(["0", "1"]), are_codes(["0", "10"])
    (True, False, False)
    """
    one_length = len({len(word) for word in distinct}) == 1
    return one_length and any(w[0] == "0" for w in distinct) and all(_CODE.fullmatch(w) for w in distinct)


def _plain(distinct: list[str], name: str) -> _Meaning | None:
    numbers = [_number(word) for word in distinct]
    if any(n is None for n in numbers):
        return None
    if are_codes(distinct):
        text = f'Column "{name}" holds digits of one length, some with a leading 0: read as codes, not as numbers.'
        return np.array(distinct, dtype=object), (Note("codes", text),)
    return np.array(numbers, dtype=np.float64), ()


def _marked(distinct: list[str], name: str) -> _Meaning | None:
    """Numbers with thousands commas or a percent sign, such as "1,200" and "45 %"."""
    percent = any(word.endswith("%") for word in distinct)
    bare = [word.removesuffix("%").strip() for word in distinct]
    commas = any("," in word for word in bare)
    numbers = [_number(w.replace(",", "") if _THOUSANDS.fullmatch(w) else w) for w in bare]
    if any(n is None for n in numbers):
        return None
    notes = [Note("thousands-commas", f'Column "{name}": commas in numbers such as 1,200 are read as thousands.')]
    notes = notes if commas else []
    if percent:
        notes.append(Note("percent", f'Column "{name}": the % is left out, so "12%" is the number 12.'))
    return np.array(numbers, dtype=np.float64), tuple(notes)


def _comma(distinct: list[str], name: str) -> _Meaning | None:
    """Numbers with a decimal comma, such as "1.234,5"."""
    if not all(_DECIMAL_COMMA.fullmatch(word) for word in distinct):
        return None
    numbers = [float(word.replace(".", "").replace(",", ".")) for word in distinct]
    return np.array(numbers), (Note("decimal-comma", f'Column "{name}": the comma is read as the decimal point.'),)


def _truth(distinct: list[str], name: str) -> _Meaning | None:
    lower = [word.lower() for word in distinct]
    return (np.array(lower, dtype=object), ()) if set(lower) <= {"true", "false"} else None


def _dates(distinct: list[str], name: str) -> _Meaning | None:
    if not all(any(c.isdigit() for c in word) and 5 < len(word) < 40 for word in distinct):
        return None
    readers = [_iso, *(_format(date + time) for date in _DATES for time in _TIMES)]
    fitting = [read for read in readers if _fits(read, distinct[:20])]
    for number, read in enumerate(fitting):
        if _fits(read, distinct):
            ambiguous = any(_fits(other, distinct) for other in fitting[number + 1 :])
            text = f'Column "{name}": dates such as "{distinct[0]}" are read with the month first.'
            dates = np.array([read(word) for word in distinct], dtype="datetime64[us]")
            return dates, (Note("ambiguous-dates", text),) if ambiguous else ()
    return None


def _fits(read: Callable[[str], datetime], words: Sequence[str]) -> bool:
    try:
        return all(read(word) is not None for word in words)
    except ValueError:
        return False


def _iso(word: str) -> datetime:
    moment = datetime.fromisoformat(word)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _format(pattern: str) -> Callable[[str], datetime]:
    return lambda word: datetime.strptime(word, pattern)
