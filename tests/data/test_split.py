"""Parts: invariants (hypothesis), hand arithmetic on small cases, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lamina.data.examples import Examples, Task
from lamina.data.split import Split, _mixed, split, test_identity
from lamina.errors import DataError, OptionError


def examples(
    targets: Any,
    *,
    hashes: Any = None,
    groups: Any = None,
    times: Any = None,
    fixed: Any = None,
    regression: bool = False,
) -> Examples:
    targets = np.asarray(targets, np.float64 if regression else np.int32)
    classes = () if regression else tuple(f"class {i}" for i in range(int(targets.max()) + 1))
    return cast(
        Examples,
        SimpleNamespace(
            task=Task("regression" if regression else "classification", "y", classes),
            targets=targets,
            hashes=np.arange(len(targets), dtype=np.uint64) if hashes is None else np.asarray(hashes, np.uint64),
            groups=groups,
            times=times,
            fixed_test=fixed,
        ),
    )


def permuted(rows: Examples, order: np.ndarray) -> Examples:
    fields = vars(rows).copy()
    for name in ("targets", "hashes", "groups", "times", "fixed_test"):
        fields[name] = None if fields[name] is None else np.asarray(fields[name])[order]
    return cast(Examples, SimpleNamespace(**fields))


def check_cover(made: Split, rows: int) -> None:
    for part in made.parts:
        together = np.concatenate([part.train, part.validation, part.test])
        assert np.array_equal(np.sort(together), np.arange(rows))  # disjoint and nothing left out
        assert min(part.counts().values()) > 0
        assert part.train.dtype == part.validation.dtype == part.test.dtype == np.int64


def pieces(made: Split) -> list[np.ndarray]:
    return [rows for part in made.parts for rows in (part.train, part.validation, part.test)]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_folds_cover_stay_within_a_row_and_do_not_depend_on_the_order(data: st.DataObject) -> None:
    classes = data.draw(st.lists(st.integers(2, 30), min_size=2, max_size=6))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.repeat(np.arange(len(classes)), classes))
    rows = examples(targets, hashes=rng.choice(2**40, len(targets), replace=False))
    made = split(rows)
    check_cover(made, len(targets))
    assert made.folds is not None
    count = min(5, len(targets))
    assert len(made.parts) == count * (count - 1)
    for c, total in enumerate(classes):
        per_fold = np.bincount(made.folds[targets == c], minlength=count)
        assert np.all(np.abs(per_fold - total / count) < 1)
    assert np.ptp(np.bincount(made.folds, minlength=count)) <= 1 + len(classes) // 3
    order = rng.permutation(len(targets))
    again = split(permuted(rows, order))
    assert again.folds is not None
    assert np.array_equal(again.folds, made.folds[order])


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_holdout_is_stratified_and_does_not_depend_on_the_order(seed: int, share: float, regression: bool) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(20, 300))
    targets = rng.normal(size=count) if regression else np.sort(np.arange(count) % 3)
    rows = examples(targets, hashes=rng.choice(2**40, count, replace=False), regression=regression)
    made = split(rows, test=share)
    check_cover(made, count)
    (part,) = made.parts
    assert abs(len(part.test) - share * count) <= 1.5
    if not regression:
        for c in range(3):
            total = np.sum(targets == c)
            assert abs(np.sum(targets[part.test] == c) - share * total) <= 1
    order = rng.permutation(count)
    again = split(permuted(rows, order), test=share)
    assert set(order[again.parts[0].test]) == set(part.test)
    assert set(order[again.parts[0].validation]) == set(part.validation)
    assert test_identity(permuted(rows, order), again) == test_identity(rows, made)


@given(st.integers(0, 2**32 - 1), st.booleans())
@example(308710, True)  # seven different rows, of which none fits into a fifth
@settings(max_examples=60, deadline=None)
def test_equal_rows_stay_together(seed: int, holdout: bool) -> None:
    rng = np.random.default_rng(seed)
    different = int(rng.integers(8, 60))
    hashes = rng.integers(0, different, int(rng.integers(different * 2, different * 6)))
    rows = examples(hashes % 2, hashes=hashes)
    made = split(rows, test=0.3 if holdout else None)
    check_cover(made, len(hashes))
    for part in made.parts:
        for a, b in ((part.train, part.validation), (part.train, part.test), (part.validation, part.test)):
            assert not set(hashes[a]) & set(hashes[b])


def test_a_share_of_less_than_a_unit_takes_the_smallest_one_that_no_class_hangs_on() -> None:
    hashes = np.repeat([1, 2, 3, 4], [5, 2, 3, 3])
    made = split(examples(np.repeat([0, 1, 0, 0], [5, 2, 3, 3]), hashes=hashes), test=0.01, validation=0.01)
    (part,) = made.parts
    check_cover(made, 13)
    assert len(part.test) == len(part.validation) == 3  # the smallest has two rows, the only ones of its class
    with pytest.raises(DataError, match="No row to train on is left for class"):
        split(examples([0, 1, 2, 2]), test=0.01, validation=0.01)  # one row judges, and none but an only one can choose


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_groups_stay_together_whatever_the_order(seed: int, holdout: bool) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(80, 300))
    groups = np.array([f"person {g}" for g in rng.integers(0, 25, count)], dtype=object)
    rows = examples(rng.permutation(np.arange(count) % 2), groups=groups)
    made = split(rows, test=0.25 if holdout else None)
    check_cover(made, count)
    for part in made.parts:
        assert not set(groups[part.test]) & set(groups[part.train])
        assert not set(groups[part.validation]) & set(groups[part.train])
        assert not set(groups[part.validation]) & set(groups[part.test])
    order = rng.permutation(count)
    again = split(permuted(rows, order), test=0.25 if holdout else None)
    assert [set(order[p]) for p in pieces(again)] == [set(p) for p in pieces(made)]


def test_groups_are_balanced() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 100, 2000)
    targets = (rng.random(2000) < 0.3).astype(int)
    made = split(examples(targets, groups=groups))
    assert made.folds is not None
    assert np.all(np.abs(np.bincount(made.folds) - 400) < 25)
    shares = np.bincount(made.folds, weights=targets) / np.bincount(made.folds)
    assert np.all(np.abs(shares - targets.mean()) < 0.03)
    held = split(examples(targets, groups=groups), test=0.3).parts[0]
    assert abs(len(held.test) - 600) < 25


def test_every_row_is_judged_once_for_each_test_fold() -> None:
    made = split(examples(np.arange(50) % 2), folds=5, repeats=2)
    assert len(made.parts) == 10
    tests = [part.test for part in made.parts]
    assert np.array_equal(tests[0], tests[1])  # the parts of a test fold stand beside each other
    assert np.array_equal(np.sort(np.concatenate(tests[::2])), np.arange(50))
    assert not np.array_equal(made.parts[0].validation, made.parts[1].validation)


def test_equal_rows_of_two_groups_join_the_groups() -> None:
    groups = np.repeat(np.arange(20), 5)
    hashes = np.arange(100)
    hashes[7] = hashes[93]
    folds = split(examples(np.arange(100) % 2, hashes=hashes, groups=groups)).folds
    assert folds is not None
    assert len(set(folds[[5, 6, 7, 8, 9, 90, 91, 92, 93, 94]])) == 1


def test_coarse_rows_do_not_join_all_groups() -> None:
    groups = np.repeat(np.arange(20), 5)
    made = split(examples(np.arange(100) % 2, hashes=np.arange(100) % 4, groups=groups))
    assert made.folds is not None
    assert np.array_equal(np.bincount(made.folds), [20] * 5)


def test_fewer_groups_than_folds_make_fewer_folds() -> None:
    made = split(examples(np.arange(40) % 2, groups=np.repeat([5, 6, 7], [10, 10, 20])))
    assert len(made.parts) == 6
    assert "3 test folds" in made.description


@pytest.mark.parametrize("groups", [["a"] * 30, ["a"] * 15 + ["b"] * 15])
def test_too_few_groups_are_refused(groups: list[str]) -> None:
    with pytest.raises(DataError, match="to split") as caught:
        split(examples(np.arange(30) % 2, groups=np.array(groups)))
    assert "--group" in caught.value.mend


def test_large_data_is_a_holdout_of_the_stated_sizes() -> None:
    made = split(examples(np.arange(60_000) % 10))
    assert made.kind == "holdout"
    assert made.parts[0].counts() == {"train": 38_400, "validation": 9_600, "test": 12_000}
    capped = split(examples(np.arange(100_000) % 10)).parts[0].counts()
    assert capped == {"train": 70_000, "validation": 10_000, "test": 20_000}
    chosen = split(examples(np.arange(60_000) % 10), test=0.1, validation=0.5).parts[0].counts()
    assert chosen == {"train": 27_000, "validation": 27_000, "test": 6_000}


def test_sixty_thousand_rows_are_each_in_one_part() -> None:
    rng = np.random.default_rng(0)
    part = split(examples(rng.integers(0, 10, 60_000), hashes=rng.integers(0, 2**63, 60_000))).parts[0]
    together = np.sort(np.concatenate([part.train, part.validation, part.test]))
    np.testing.assert_array_equal(together, np.arange(60_000))


def test_a_fixed_test_part_is_kept_and_overlaps_are_said() -> None:
    fixed = np.zeros(100, bool)
    fixed[80:] = True
    hashes = np.arange(100)
    hashes[90] = hashes[3]
    made = split(examples(np.arange(100) % 2, hashes=hashes, fixed=fixed))
    assert np.array_equal(made.parts[0].test, np.arange(80, 100))
    assert made.parts[0].counts() == {"train": 64, "validation": 16, "test": 20}
    assert [note.kind for note in made.notes] == ["test-rows-in-training"]
    assert made.notes[0].text.startswith("1 of the 20 test rows")


def test_few_rows_beside_a_fixed_test_part_choose_in_turn() -> None:
    fixed = np.arange(100) >= 80
    made = split(examples(np.arange(100) % 2, fixed=fixed))
    assert made.kind == "holdout"
    assert len(made.parts) == 5
    check_cover(made, 100)
    assert all(np.array_equal(part.test, np.arange(80, 100)) for part in made.parts)
    assert np.array_equal(np.sort(np.concatenate([part.validation for part in made.parts])), np.arange(80))
    again = split(examples(np.arange(100) % 2, fixed=fixed), refits=2)
    assert (len(again.parts), again.refits) == (7, 2)
    for part in again.parts[5:]:
        assert np.array_equal(part.train, np.arange(80))
        assert np.array_equal(part.validation, again.parts[0].validation)
        assert np.array_equal(part.test, np.arange(80, 100))
    for asked in ({"validation": 0.25}, {"repeats": 1}, {"small": 80}):
        assert len(split(examples(np.arange(100) % 2, fixed=fixed), **asked).parts) == 1


def test_time_goes_forward_and_ties_stay_together() -> None:
    rng = np.random.default_rng(1)
    days = np.datetime64("2024-01-01", "us") + rng.integers(0, 37, 500) * np.timedelta64(1, "D")
    made = split(examples(np.arange(500) % 2, times=days))
    (part,) = made.parts
    assert made.kind == "time"
    check_cover(made, 500)
    assert days[part.train].max() < days[part.validation].min()
    assert days[part.validation].max() < days[part.test].min()
    assert abs(len(part.test) - 100) <= 15


def test_rows_without_a_time_train() -> None:
    days = np.datetime64("2024-01-01", "us") + np.arange(20) * np.timedelta64(1, "D")
    days[[4, 19]] = np.datetime64("NaT")
    made = split(examples(np.arange(20) % 2, times=days))
    assert {4, 19} <= set(made.parts[0].train)
    assert "2 rows without a time" in made.description


def test_one_moment_is_refused() -> None:
    with pytest.raises(DataError, match="different times"):
        split(examples(np.arange(20) % 2, times=np.zeros(20)))


def test_time_and_groups_do_not_go_together() -> None:
    with pytest.raises(OptionError, match="--group"):
        split(examples(np.arange(20) % 2, times=np.arange(20), groups=np.arange(20)))


def test_a_class_smaller_than_the_folds_works_and_is_said() -> None:
    made = split(examples([0] * 40 + [1] * 3))
    check_cover(made, 43)
    assert [note.kind for note in made.notes] == ["small-class"]
    assert "'class 1'" in made.notes[0].text


def test_a_holdout_leaves_each_class_a_row_to_train_on() -> None:
    targets = np.concatenate([np.zeros(6000, int), np.repeat(np.arange(1, 50), 2)])
    (part,) = split(examples(targets)).parts
    assert set(targets[part.train]) == set(range(50))


def test_a_class_only_in_the_test_part_is_refused() -> None:
    targets = np.array([0, 1] * 10 + [2] * 5)
    with pytest.raises(DataError, match="'class 2'") as caught:
        split(examples(targets, fixed=targets == 2))
    assert "--test" in caught.value.mend


def test_a_heavy_duplicate_does_not_become_the_test_part() -> None:
    hashes = np.concatenate([np.zeros(600, int), np.arange(1, 401)])
    part = split(examples(np.zeros(1000, int), hashes=hashes), test=0.2).parts[0]
    assert part.counts() == {"train": 640, "validation": 160, "test": 200}
    assert 0 in part.train


def test_small_data_with_a_validation_share() -> None:
    made = split(examples(np.arange(100) % 2), validation=0.1)
    assert [part.counts() for part in made.parts] == [{"train": 72, "validation": 8, "test": 20}] * 5


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_fewer_than_three_examples_are_refused(rows: int) -> None:
    with pytest.raises(DataError, match=f"There are {rows} examples"):
        split(examples(np.zeros(rows), regression=True))


@pytest.mark.parametrize(
    "options", [{"test": 0.0}, {"test": 1.5}, {"validation": float("nan")}, {"folds": 2}, {"repeats": 0}]
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        split(examples(np.arange(20) % 2), **options)


def test_the_identity_changes_with_the_test_rows() -> None:
    rows = examples(np.arange(100) % 2)
    assert test_identity(rows, split(rows, test=0.2)) != test_identity(rows, split(rows, test=0.3))
    assert test_identity(rows, split(rows)) == test_identity(rows, split(rows, folds=3))  # all rows are judged


def test_the_stirring_is_splitmix64() -> None:
    # The first outputs of the published generator from seed 0 (Steele et al. 2014; widely used as its test values).
    with np.errstate(over="ignore"):
        state = np.arange(3, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert _mixed(state).tolist() == expected
