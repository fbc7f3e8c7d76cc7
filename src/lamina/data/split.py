"""Which rows train, which choose, and which judge.

Rows are put into parts by a hash of their content and never by their place, so that another seed, another order of the
file or another command holds out the same rows. Equal rows stay together, and so do the rows of one group.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lamina.data.examples import Note
from lamina.errors import DataError, OptionError

if TYPE_CHECKING:
    from lamina.data.examples import Examples

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2
VALIDATION_ROWS = 10_000  # more would not make the choice of the best epoch any surer, only the training part smaller
TARGET_BINS = 10  # a regression is stratified by this many quantile bins of its target
STRATA_OF_GROUPS = 64  # groups are balanced class by class up to this many classes, above by their sizes only


@dataclass(frozen=True)
class Part:
    """Row numbers (int64, ascending) of one training: what it learns from, chooses with, and is judged on."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def counts(self) -> dict[str, int]:
        """How many rows each has.

        >>> Part(np.arange(3), np.arange(1), np.arange(2)).counts()
        {'train': 3, 'validation': 1, 'test': 2}
        """
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


@dataclass(frozen=True)
class Split:
    """The parts, in order, and a sentence that says how they were made.

    ``kind`` "folds": each row is in the test part of exactly one fold, ``folds`` [n] says which; the parts come in the
    order (test fold, validation fold). "holdout" and "time": ``folds`` is None; one part, or beside few
    rows with fixed test rows one for each validation fold. The last ``refits`` parts train on all rows that no part is
    judged on, and measure themselves on some of these: what the others chose is trained there, and shipped.
    """

    kind: Literal["folds", "holdout", "time"]
    parts: tuple[Part, ...]
    description: str
    folds: np.ndarray | None = None
    notes: tuple[Note, ...] = ()
    refits: int = 0

    @property
    def test_rows(self) -> np.ndarray:
        """Every row that some part is judged on, ascending."""
        return np.unique(np.concatenate([part.test for part in self.parts]))


def split(
    examples: Examples,
    *,
    test: float | None = None,
    validation: float | None = None,
    folds: int = 5,
    repeats: int | None = None,
    small: int = 5000,
    refits: int = 0,
) -> Split:
    """Put the rows of examples into parts.

    Fewer than ``small`` examples without a test part of their own: nested cross-validation, ``folds`` test folds, and
    for each of them ``repeats`` of the other folds (all of them when None) are once the validation part; with
    ``validation`` given, each test fold has one part, and that share of its other rows chooses. Otherwise the test rows
    are those of ``examples.fixed_test``, else the share ``test`` (0.2). Beside fixed test rows fewer than ``small``
    others are dealt into ``folds`` too, each of which is the validation part once (unless ``validation`` is given or
    ``repeats`` is 1), and ``refits`` more parts train on all of them. Else there is one part, whose validation rows are
    the share ``validation`` of the rest (0.2, at most 10,000 rows). With ``examples.times`` the latest rows are the
    test part and the latest before them the validation part. Raises DataError where the rows, classes or groups don't
    suffice and OptionError where a number is out of range.

    >>> from types import SimpleNamespace as Some
    >>> task = Some(kind="classification", classes=("no", "yes"))
    >>> rows = Some(task=task, targets=np.arange(10) % 2, hashes=np.arange(10, dtype=np.uint64), fixed_test=None,
    ...             groups=None, times=None)
    >>> made = split(rows)
    >>> made.kind, len(made.parts), made.parts[0].counts()
    ('folds', 20, {'train': 6, 'validation': 2, 'test': 2})
    """
    _check_options(test, validation, folds, repeats)
    if len(examples.targets) < 3:
        raise DataError(
            f"There are {len(examples.targets)} examples.",
            expected="At least three: one to train on, one to choose with, one to judge on.",
            mend="Give a file with more labelled examples.",
        )
    if examples.times is not None:
        return _by_time(examples, test, validation)
    if examples.fixed_test is None and test is None and len(examples.targets) < small:
        return _by_folds(examples, folds, repeats, validation)
    few = examples.fixed_test is not None and np.sum(~np.asarray(examples.fixed_test, bool)) < small
    if few and validation is None and repeats != 1:
        return _by_fixed_test(examples, folds, refits)
    return _by_holdout(examples, test, validation)


def test_identity(examples: Examples, made: Split) -> str:
    """A digest (64 hexadecimal digits) of the set of rows that are judged on, whatever their order.

    Equal for equal test rows, so that one can count how often they were opened.
    """
    content = np.unique(examples.hashes[made.test_rows]).astype("<u8")
    return hashlib.sha256(content.tobytes()).hexdigest()


test_identity.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]  # a noun, not a test for pytest to collect


# --- The three kinds -------------------------------------------------------------------------------------------------


def _by_folds(examples: Examples, folds: int, repeats: int | None, validation: float | None) -> Split:
    units, grouped = _units(examples)
    available = int(units.max()) + 1
    if available < 3:
        raise _too_few_units(available, grouped)
    fold, count = _folds(units, _strata(examples), examples.hashes, min(folds, available))
    if count < 3:
        raise _too_few_units(count, grouped)
    if validation is None:
        times = min(repeats or count - 1, count - 1)
        pairs = [(k, (k + 1 + i) % count) for k in range(count) for i in range(times)]
        # Parts come in the order (test fold, validation fold): what is listed is what is trained.
        parts = [Part(_rows((fold != k) & (fold != v)), _rows(fold == v), _rows(fold == k)) for k, v in sorted(pairs)]
        how = f"{times} of the other folds in turn" if times < count - 1 else "each other fold in turn"
        choose = f"with {how} choosing the best epoch"
    else:
        parts = [_holdout_part(examples, units, _rows(fold == k), validation) for k in range(count)]
        choose = f"with {validation:.0%} of the other rows choosing the best epoch"
    description = (
        f"{count} test folds by a hash of the content{_stratified(examples)}{_together(grouped)}: every row is judged "
        f"by networks that never saw it, {choose}; {len(parts)} parts."
    )
    return Split("folds", tuple(parts), description, fold, _small_class_notes(examples, count))


def _by_holdout(examples: Examples, test: float | None, validation: float | None) -> Split:
    units, grouped = _units(examples)
    if examples.fixed_test is not None:
        test_rows = _rows(np.asarray(examples.fixed_test, bool))
        _check_fixed(examples, test_rows)
        how = "the test rows as given, the others by a hash of the content"
    else:
        share = TEST_SHARE if test is None else test
        if int(units.max()) < 2:
            raise _too_few_units(int(units.max()) + 1, grouped)
        test_rows = _take(examples, units, np.arange(len(units)), share)
        how = f"test rows ({share:.0%}) by a hash of the content"
    part = _holdout_part(examples, units, test_rows, validation)
    description = (
        f"{len(part.train):,} rows to train, {len(part.validation):,} to choose the best epoch, {len(part.test):,} to "
        f"judge: {how}{_stratified(examples)}{_together(grouped)}."
    )
    _check_classes(examples, part)
    return Split("holdout", (part,), description, None, _overlap_notes(examples, part))


def _by_fixed_test(examples: Examples, folds: int, refits: int) -> Split:
    """Test rows as given, and each fold of the few others choosing once; then ``refits`` parts that train on all of
    them.
    """
    units, grouped = _units(examples)
    test_rows = _rows(np.asarray(examples.fixed_test, bool))
    _check_fixed(examples, test_rows)
    rest = np.setdiff1d(np.arange(len(units)), test_rows)
    count = min(folds, len(np.unique(units[rest])))
    if count < 2:
        raise _too_few_units(count, grouped)
    fold, count = _folds(units[rest], _strata(examples)[rest], examples.hashes[rest], count)
    if count < 2:
        return _by_holdout(examples, None, None)
    parts = [Part(rest[fold != k], rest[fold == k], test_rows) for k in range(count)]
    whole = Part(rest, rest[fold == 0], test_rows)
    then = f"; {refits} networks of what is chosen train on all of them" if refits else ""
    description = (
        f"{len(test_rows):,} rows to judge as given; the {len(rest):,} others in {count} folds by a hash of the content"
        f"{_stratified(examples)}{_together(grouped)}, each choosing once for what the others train{then}."
    )
    _check_classes(examples, parts[0])
    notes = _overlap_notes(examples, parts[0])
    return Split("holdout", (*parts, *[whole] * refits), description, None, notes, refits)


def _by_time(examples: Examples, test: float | None, validation: float | None) -> Split:
    if examples.groups is not None:
        raise OptionError(
            "Both --group and --split-by-time are given.",
            expected="One of them: rows can be kept in order of time, or groups together.",
            mend="Leave out --group or --split-by-time.",
        )
    moment, unknown = _moments(np.asarray(examples.times))
    if examples.fixed_test is not None:
        test_rows = _rows(np.asarray(examples.fixed_test, bool))
        _check_fixed(examples, test_rows)
    else:
        test_rows = _latest(moment, np.arange(len(moment)), TEST_SHARE if test is None else test)
    rest = np.setdiff1d(np.arange(len(moment)), test_rows)
    later = _latest(moment, rest, _validation_share(len(rest), validation))
    part = Part(np.setdiff1d(rest, later), later, test_rows)
    given = "the test rows as given" if examples.fixed_test is not None else f"the latest {len(test_rows):,} rows judge"
    description = (
        f"In order of time, never shuffled: {given}, the {len(later):,} before them choose the best epoch, and the "
        f"earliest {len(part.train):,} train; rows of one moment stay together."
    )
    if unknown:
        description += f" {unknown:,} rows without a time count as the earliest."
    _check_classes(examples, part)
    return Split("time", (part,), description, None, _overlap_notes(examples, part))


def _holdout_part(examples: Examples, units: np.ndarray, test_rows: np.ndarray, validation: float | None) -> Part:
    rest = np.setdiff1d(np.arange(len(units)), test_rows)
    if len(np.unique(units[rest])) < 2:
        raise _too_few_units(len(np.unique(units[rest])), examples.groups is not None)
    chosen = _take(examples, units, rest, _validation_share(len(rest), validation))
    return Part(np.setdiff1d(rest, chosen), chosen, test_rows)


def _validation_share(rows: int, validation: float | None) -> float:
    return validation if validation is not None else min(VALIDATION_SHARE, VALIDATION_ROWS / rows)


# --- Units: what must stay together ----------------------------------------------------------------------------------


def _units(examples: Examples) -> tuple[np.ndarray, bool]:
    """The unit that each row belongs to (equal rows, or the rows of a group), and whether groups made them."""
    equal = np.unique(examples.hashes, return_inverse=True)[1].ravel()
    if examples.groups is None:
        return equal, False
    groups = np.unique(np.asarray(examples.groups).astype(str), return_inverse=True)[1].ravel()
    joined = _joined(groups, equal)
    # Equal rows in two groups join the groups, unless that would join most of the data, as coarse tables would.
    most = max(np.bincount(groups).max(), len(groups) // 5)
    return (joined if np.bincount(joined).max() <= most else groups), True


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Units that neither labelling parts: the connected components of rows that share a label of either kind."""
    label = first.copy()
    while True:
        lowest = _lowest(label, second)
        lowest = _lowest(lowest, first)
        if np.array_equal(lowest, label):
            return np.unique(label, return_inverse=True)[1].ravel()
        label = lowest


def _lowest(label: np.ndarray, within: np.ndarray) -> np.ndarray:
    least = np.full(int(within.max()) + 1, len(label) + 1, np.int64)
    np.minimum.at(least, within, label)
    return least[within]


def _strata(examples: Examples) -> np.ndarray:
    """The class of each row; for a regression the quantile bin of its target."""
    if examples.task.kind == "classification":
        return np.unique(examples.targets, return_inverse=True)[1].ravel()
    bins = max(1, min(TARGET_BINS, len(examples.targets) // 20))
    edges = np.quantile(examples.targets, np.linspace(0, 1, bins + 1)[1:-1])
    return np.unique(np.searchsorted(edges, examples.targets, side="right"), return_inverse=True)[1].ravel()


# --- Dealing units to bins -------------------------------------------------------------------------------------------


def _take(examples: Examples, units: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
    """About ``share`` of the rows and at least one unit, stratified, whole units only; a class keeps at least one unit
    outside, as far as units allow.
    """
    strata, hashes = _strata(examples)[rows], examples.hashes[rows]
    taken = _deal(units[rows], strata, hashes, np.array([share, 1 - share]), keep_last=True) == 0
    return rows[taken if taken.any() else _least(units[rows], strata, hashes)]


def _deal(
    units: np.ndarray, strata: np.ndarray, hashes: np.ndarray, shares: np.ndarray, *, keep_last: bool = False
) -> np.ndarray:
    """The bin [rows] of each row: bins have the given shares of each stratum, units stay whole.

    Units of several rows are dealt first, largest first, each to the bin where it comes closest to the quotas (divided
    by the shares this is the rule of Sainte-Lague for seats). Single rows then fill the quotas in the order of their
    hashes. ``keep_last``: no stratum is left without a row in the last bin, as far as units allow.
    """
    units = np.unique(units, return_inverse=True)[1].ravel()
    strata = np.unique(strata, return_inverse=True)[1].ravel()
    sizes = np.bincount(units)
    room = _quotas(np.bincount(strata), shares, keep_last=keep_last)
    bins = np.full(len(units), -1, np.int64)
    several = sizes[units] > 1
    if several.any():
        bins[several] = _deal_units(units[several], strata[several], hashes[several], shares, room)
    single = np.flatnonzero(~several)
    order = single[np.lexsort((_mixed(hashes[single]), strata[single]))]
    counts = np.bincount(strata[single], minlength=room.shape[1])
    filled = _filled(room, counts, shares)
    bins[order] = np.repeat(np.tile(np.arange(len(shares)), len(counts)), filled.T.ravel())
    if keep_last:
        _give_back(bins, units, strata, hashes)
    return bins


def _folds(units: np.ndarray, strata: np.ndarray, hashes: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """The fold of each row, and how many there are: large units may leave one without rows."""
    dealt = _deal(units, strata, hashes, np.full(count, 1 / count))
    fold = np.unique(dealt, return_inverse=True)[1].ravel()
    return fold, int(fold.max()) + 1


def _quotas(counts: np.ndarray, shares: np.ndarray, *, keep_last: bool) -> np.ndarray:
    """Whole rows [bins, strata] closest to the shares: within one row for each stratum, and within about one in all."""
    quotas = np.floor(shares[:, None] * counts + 1e-9).astype(np.int64)
    owed = np.zeros(len(shares))
    for stratum, count in enumerate(counts):
        owed += shares * count - quotas[:, stratum]
        most = np.argsort(-np.round(owed, 9), kind="stable")[: count - quotas[:, stratum].sum()]
        quotas[most, stratum] += 1
        owed[most] -= 1
        if keep_last and quotas[-1, stratum] == 0:
            quotas[np.argmax(quotas[:, stratum]), stratum] -= 1
            quotas[-1, stratum] += 1
    return quotas


def _deal_units(
    units: np.ndarray, strata: np.ndarray, hashes: np.ndarray, shares: np.ndarray, room: np.ndarray
) -> np.ndarray:
    """The bins of the rows of units of several rows; takes their rows from ``room``."""
    names, first = np.unique(units, return_inverse=True)
    unit = first.ravel()
    fine = room.shape[1] <= STRATA_OF_GROUPS or len(names) * room.shape[1] <= 1_000_000
    kinds = strata if fine else np.zeros_like(strata)
    left = room.astype(float) if fine else room.sum(1, keepdims=True).astype(float)
    counts = np.zeros((len(names), left.shape[1]))
    np.add.at(counts, (unit, kinds), 1)
    mark = _marks(unit, hashes)
    chosen = np.zeros(len(names), np.int64)
    for i in np.lexsort((mark, -counts.sum(1))):
        row = counts[i]
        cost = (row * (row - 2 * left)).sum(1) / shares
        total = row.sum() * (row.sum() - 2 * left.sum(1)) / shares
        chosen[i] = np.argmin(np.round(cost + 1e-6 * total, 9))
        left[chosen[i]] -= row
    bins = chosen[unit]
    np.subtract.at(room, (bins, strata), 1)
    return bins


def _filled(room: np.ndarray, counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """How many single rows [bins, strata] each bin takes: its room, less what other bins have too much of."""
    filled = np.maximum(room, 0)
    for stratum in np.flatnonzero(filled.sum(0) != counts):
        column = filled[:, stratum].astype(float)
        # Lower the fullest bins, relative to their shares, until the rows suffice; then hand out the last ones whole.
        low, high = 0.0, float((column / shares).max())
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if np.minimum(column, middle * shares).sum() < counts[stratum] else (low, middle)
        exact = np.minimum(column, high * shares)
        whole = np.floor(exact + 1e-6).astype(np.int64)
        rest = counts[stratum] - whole.sum()
        whole[np.argsort(-(exact - whole), kind="stable")[:rest]] += 1
        filled[:, stratum] = whole
    return filled


def _give_back(bins: np.ndarray, units: np.ndarray, strata: np.ndarray, hashes: np.ndarray) -> None:
    """Move one unit of every stratum that has no row in the last bin into it."""
    last = int(bins.max()) if len(bins) else 0
    present = np.bincount(strata, weights=bins == last, minlength=int(strata.max()) + 1) > 0
    for stratum in np.flatnonzero(~present):
        rows = np.flatnonzero(strata == stratum)
        smallest = np.lexsort((_mixed(hashes[rows]), np.bincount(units)[units[rows]]))[0]
        bins[units == units[rows[smallest]]] = last


def _least(units: np.ndarray, strata: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """The rows [rows] (bool) of the smallest unit that no stratum hangs on; of the smallest, if each is some stratum's
    only one.
    """
    names, unit = np.unique(units, return_inverse=True)
    of, stratum = np.unique(np.stack([unit.ravel(), strata]), axis=1)
    needed = np.zeros(len(names), bool)
    needed[of[np.bincount(stratum)[stratum] == 1]] = True
    unit = unit.ravel()
    return unit == np.lexsort((_marks(unit, hashes), np.bincount(unit), needed))[0]


def _marks(unit: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """A number of each unit 0, 1, ...: the sum of its rows' hashes, stirred, which hangs on no order of theirs."""
    marks = np.zeros(int(unit.max()) + 1, np.uint64)
    np.add.at(marks, unit, _mixed(hashes))
    return marks


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """The hashes stirred (the finaliser of SplitMix64; Steele et al. 2014), so that a poor hash still deals evenly."""
    with np.errstate(over="ignore"):
        x = hashes.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


# --- Time ------------------------------------------------------------------------------------------------------------


def _moments(times: np.ndarray) -> tuple[np.ndarray, int]:
    """The rank of each row's time (equal for equal times; 0 where it is missing), and how many are missing."""
    missing = np.isnat(times) if times.dtype.kind in "mM" else np.array([t is None or t != t for t in times.tolist()])
    ranks = np.zeros(len(times), np.int64)
    ranks[~missing] = np.unique(times[~missing], return_inverse=True)[1].ravel() + 1
    return ranks, int(missing.sum())


def _latest(moment: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
    """About ``share`` of the rows, the latest; the cut is the change of moment nearest to the share."""
    ordered = np.sort(moment[rows])
    cuts = np.flatnonzero(np.diff(ordered)) + 1
    if len(cuts) == 0:
        raise DataError(
            "Too few different times to split by.",
            expected="At least three: the latest rows judge, those before choose, the earliest train.",
            mend="Leave out --split-by-time, or name a column with more different times.",
        )
    cut = cuts[np.argmin(np.abs(cuts - (1 - share) * len(rows)))]
    return rows[moment[rows] >= ordered[cut]]


# --- What is said, and what is refused -------------------------------------------------------------------------------


def _rows(mask: np.ndarray) -> np.ndarray:
    return np.flatnonzero(mask).astype(np.int64)


def _stratified(examples: Examples) -> str:
    return ", stratified by class" if examples.task.kind == "classification" else ", stratified by the target"


def _together(grouped: bool) -> str:
    return ", groups kept together" if grouped else ", equal rows kept together"


def _check_options(test: float | None, validation: float | None, folds: int, repeats: int | None) -> None:
    for name, share in (("test", test), ("validation", validation)):
        if share is not None and not 0 < share < 1:
            raise OptionError(
                f"The share of {name} rows is {share}.",
                expected="A fraction between 0 and 1.",
                mend=f"--{name} 0.2",
            )
    if folds < 3:
        raise OptionError(f"folds is {folds}.", expected="At least 3: train, choose and judge.", mend="folds=5")
    if repeats is not None and repeats < 1:
        raise OptionError(f"repeats is {repeats}.", expected="A whole number from 1.", mend="repeats=1")


def _too_few_units(units: int, grouped: bool) -> DataError:
    what = "group" if grouped else "different example"
    return DataError(
        f"There {'is' if units == 1 else 'are'} {units} {what}{'' if units == 1 else 's'} to split.",
        expected=f"At least three {what}s: to train, to choose and to judge.",
        mend="Leave out --group, or name a column with more groups." if grouped else "Give a file with more examples.",
    )


def _check_fixed(examples: Examples, test_rows: np.ndarray) -> None:
    if 0 < len(test_rows) <= len(examples.targets) - 2:
        return
    raise DataError(
        f"The test part has {len(test_rows)} of {len(examples.targets)} rows.",
        expected="At least one row to judge on and two others to train and choose with.",
        mend="Give another test file, or leave out --test.",
    )


def _check_classes(examples: Examples, part: Part) -> None:
    """Every class must have rows to learn from."""
    classes = examples.task.classes
    if examples.task.kind != "classification":
        return
    counts = np.bincount(examples.targets[part.train], minlength=len(classes))
    absent = [classes[i] for i in np.flatnonzero(counts[: len(classes)] == 0)]
    if absent:
        raise DataError(
            f"No row to train on is left for {'class' if len(absent) == 1 else 'classes'} {_listed(absent)}: "
            "the test and validation parts have them all.",
            expected="Each class among the rows to train on.",
            mend="Leave out --test, --split-by-time and --group, or remove the rows of that class.",
        )


def _small_class_notes(examples: Examples, folds: int) -> tuple[Note, ...]:
    if examples.task.kind != "classification":
        return ()
    classes = examples.task.classes
    counts = np.bincount(examples.targets, minlength=len(classes))[: len(classes)]
    few = [classes[i] for i in np.flatnonzero(counts < folds)]
    if not few:
        return ()
    text = (
        f"{'Class' if len(few) == 1 else 'Classes'} {_listed(few)}: fewer rows than the {folds} folds, so some folds "
        "have none to learn from or to judge."
    )
    return (Note("small-class", text, matters=True),)


def _overlap_notes(examples: Examples, part: Part) -> tuple[Note, ...]:
    """An official test part, or one by time, may repeat rows or groups of the training part: said, not changed."""
    seen = np.concatenate([part.train, part.validation])
    notes = []
    same = int(np.isin(examples.hashes[part.test], examples.hashes[seen]).sum())
    if same:
        text = f"{same:,} of the {len(part.test):,} test rows equal a row of the training part."
        notes.append(Note("test-rows-in-training", text, matters=same > len(part.test) / 100))
    if examples.groups is not None:
        groups = np.asarray(examples.groups).astype(str)
        shared = np.intersect1d(groups[part.test], groups[seen])
        if len(shared):
            text = f"{len(shared):,} groups have rows in both the test and the training part."
            notes.append(Note("groups-in-both", text, matters=True))
    return tuple(notes)


def _listed(names: list[str], most: int = 5) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
