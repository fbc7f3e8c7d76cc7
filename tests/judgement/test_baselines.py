"""Baselines: what they are fitted on, what they see, and that they are as good as scikit-learn's models can be."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

from lamina.data.examples import SILENCE, Examples, Reading, Source, Task
from lamina.data.read import read
from lamina.data.schema import Column, Schema, infer_schema
from lamina.data.sound import SoundPreprocessing
from lamina.data.split import Part, Split, split
from lamina.data.table import Table
from lamina.judgement import baselines, models
from lamina.judgement.baselines import judge_baselines, judged_rows
from lamina.judgement.columns import Columns
from lamina.judgement.fold import Fold, log_loss
from lamina.metrics import METRICS, score

HOLDOUT = Split("holdout", (Part(np.arange(60), np.arange(60, 70), np.arange(70, 100)),), "")
HASHES = np.random.default_rng(0).permutation(2_000).astype(np.uint64)


def words(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def table_examples(columns: dict[str, np.ndarray], targets: np.ndarray, *classes: str) -> Examples:
    """Examples of a table; classes: their names, none for a regression."""
    table = Table(columns)
    task = Task("classification" if classes else "regression", "y", classes, classes[-1] if len(classes) == 2 else None)
    names = np.array([f"row {i}" for i in range(len(targets))], dtype=object)
    schema = infer_schema(table)
    return Examples("table", task, table, targets, names, HASHES[: len(targets)], schema, Source("", "", 0))


def image_examples(images: np.ndarray, targets: np.ndarray) -> Examples:
    task = Task("classification", "label", tuple(map(str, range(targets.max() + 1))))
    plain = table_examples({"x": np.arange(len(images)) % 7.0}, targets, *task.classes)
    return dataclasses.replace(plain, kind="image", inputs=images, task=task)


def series_examples(series: np.ndarray, targets: np.ndarray, *classes: str) -> Examples:
    plain = table_examples({"x": np.arange(len(series)) % 7.0}, targets, *classes)
    return dataclasses.replace(plain, kind="series", inputs=series.astype(np.float32))


def sound_examples(sounds: np.ndarray, targets: np.ndarray, *classes: str) -> Examples:
    """Of 4,000 samples a second."""
    plain = table_examples({"x": np.arange(len(sounds)) % 7.0}, targets, *classes)
    made = SoundPreprocessing(4_000, sounds.shape[1], "given").to_json()
    schema = Schema((Column("sound", "sound", "feature", 0, statistics=made),), "y", len(sounds))
    return dataclasses.replace(plain, kind="sound", inputs=sounds, schema=schema)


def tones(rows: int, *, pitches: np.ndarray, seed: int = 0) -> np.ndarray:
    """A tone each, in noise, of a quarter to half a second; SILENCE behind their ends."""
    rng = np.random.default_rng(seed)
    waves = np.sin(2 * np.pi * pitches[:, None] * np.arange(2_000) / 4_000 + rng.uniform(0, 6, (rows, 1)))
    sounds = (6_000 * waves + 1_000 * rng.normal(size=waves.shape)).astype(np.int16)
    sounds[np.arange(2_000) >= rng.integers(1_000, 2_001, (rows, 1))] = SILENCE
    return sounds


def signal(rows: int, *, seed: int = 0) -> Examples:
    """Two classes that a number, a category and what is missing say much about."""
    rng = np.random.default_rng(seed)
    number, kind = rng.normal(size=rows), rng.integers(0, 3, rows)
    missing = rng.random(rows) < 0.2
    logit = 2 * number * ~missing + np.array([-2.0, 0.0, 2.0])[kind] + 2 * missing
    targets = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int32)
    columns = {"a": np.where(missing, np.nan, number), "b": words("x", "y", "z")[kind], "c": rng.normal(size=rows)}
    return table_examples(columns, targets, "no", "yes")


def scores(examples: Examples, made: Split, metric: str) -> dict[str, float]:
    targets = examples.targets[judged_rows(made)]
    found = judge_baselines(examples, made, threads=1)
    return {name: score(METRICS[metric], examples.task, targets, b.predictions) for name, b in found.items()}


def test_penguins_are_told_apart_by_simple_models() -> None:
    examples = read("sample:penguins", Reading(target="species"))
    made = split(examples)
    said: list[str] = []
    found = judge_baselines(examples, made, observer=said.append)
    assert list(found) == ["majority class", "logistic regression", "gradient boosting"]
    assert [text.split(" on ")[0] for text in said] == list(found)
    targets = examples.targets[judged_rows(made)]
    right = {name: (b.predictions.argmax(axis=1) == targets).mean() for name, b in found.items()}
    assert right["majority class"] == pytest.approx(np.bincount(targets).max() / len(targets))
    assert right["logistic regression"] >= 0.98
    assert right["gradient boosting"] >= 0.96
    for baseline in found.values():
        assert baseline.predictions.shape == (344, 3)
        assert baseline.predictions.sum(axis=1) == pytest.approx(1)
        assert baseline.seconds > 0
    assert found["logistic regression"].settings.startswith("C ")
    assert "rounds" in found["gradient boosting"].settings


@pytest.mark.slow
def test_digits_by_a_support_vector_machine_and_neighbours() -> None:
    """A third of the digits, one split: the literature has 0.98 to 0.99 for both."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    examples = image_examples(digits.images[..., None].astype(np.uint8), digits.target.astype(np.int32))
    order = np.random.default_rng(1).permutation(1797)
    made = Split("holdout", (Part(order[:900], order[900:1200], order[1200:]),), "")
    found = scores(examples, made, "accuracy")
    assert list(found) == ["majority class", "logistic regression", "gradient boosting", "nearest neighbours", "SVM"]
    assert found["SVM"] >= 0.98
    assert found["nearest neighbours"] >= 0.975
    assert found["logistic regression"] >= 0.95
    assert found["gradient boosting"] >= 0.95


def test_judged_rows_are_in_the_order_of_the_predictions() -> None:
    """A feature that is the target, and test parts out of order: predictions follow the judged rows."""
    rng = np.random.default_rng(2)
    values = rng.permutation(60).astype(float)
    examples = table_examples({"x": values + 0.25, "z": rng.normal(size=60)}, values)
    a, b, c = np.arange(20), np.arange(20, 40), np.arange(40, 60)
    made = Split("folds", (Part(a, b, c), Part(b, a, c), Part(c, b, a), Part(a, c, b)), "")
    assert judged_rows(made).tolist() == [*c, *a, *b]
    found = judge_baselines(examples, made, threads=1)
    assert found["ridge regression"].predictions == pytest.approx(values[judged_rows(made)], abs=0.5)
    for rows, predicted in zip((c, a, b), np.split(found["mean"].predictions, 3), strict=True):
        assert predicted == pytest.approx(np.delete(values, rows).mean())


def test_no_model_sees_a_test_row_before_it_predicts_it() -> None:
    """Changing the test rows' targets changes no prediction; dropping rows that no part trains on neither."""
    examples = signal(300)
    rows = np.random.default_rng(3).permutation(300)
    made = Split("time", (Part(rows[:150], rows[150:200], rows[200:250]),), "")  # 50 rows in a gap
    before = judge_baselines(examples, made, threads=1)
    changed = examples.targets.copy()
    changed[rows[200:]] = 1 - changed[rows[200:]]
    after = judge_baselines(dataclasses.replace(examples, targets=changed), made, threads=1)
    for name, baseline in before.items():
        assert np.array_equal(baseline.predictions, after[name].predictions)


def test_every_test_fold_is_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []

    def counted(fold: Fold):
        fitted.append((len(fold.train), len(fold.validation), len(fold.test)))
        return np.tile([0.5, 0.5], (len(fold.test), 1)), {}

    monkeypatch.setattr(baselines, "CLASS_MODELS", {"counted": counted})
    examples = signal(100)
    made = split(examples, folds=4)
    judge_baselines(examples, made)
    assert len(made.parts) == 12
    assert len(fitted) == 4
    assert sum(test for _, _, test in fitted) == 100
    assert all(sum(rows) == 100 for rows in fitted)


def test_a_linear_model_uses_numbers_categories_and_what_is_missing() -> None:
    """Nearly as good as the probabilities that the rows were drawn from, and trees too."""
    examples = signal(2_000)
    found = scores(examples, split(examples, test=0.4), "auc")
    assert found["majority class"] == 0.5
    assert found["logistic regression"] > 0.88
    assert found["gradient boosting"] > 0.87


def test_regression_is_in_the_targets_units_and_trees_bend() -> None:
    rng = np.random.default_rng(4)
    x, noise = rng.uniform(-2, 2, 800), 1_000 * rng.normal(size=800)
    examples = table_examples({"x": x, "z": rng.normal(size=800)}, 50_000 + 20_000 * x**2 + noise)
    found = scores(examples, split(examples), "rmse")
    assert found["mean"] == pytest.approx(examples.targets.std(), rel=0.02)
    assert found["ridge regression"] == pytest.approx(found["mean"], rel=0.03)  # a parabola has no slope
    assert found["gradient boosting"] < 3_000
    assert scores(examples, split(examples), "mae")["median"] <= scores(examples, split(examples), "mae")["mean"]


def test_dates_are_numbers_and_parts() -> None:
    days = np.datetime64("2024-01-01T07:00", "us") + np.arange(400) * np.timedelta64(1, "D")
    weekend = ((np.arange(400) % 7) >= 5).astype(np.int32)  # 1 January 2024 was a Monday
    days[3] = np.datetime64("NaT")
    examples = table_examples({"when": days, "z": np.random.default_rng(5).normal(size=400)}, weekend, "no", "yes")
    found = scores(examples, split(examples), "accuracy")
    assert found["logistic regression"] > 0.99
    assert found["gradient boosting"] > 0.98


def test_a_training_part_of_one_class_is_reported_and_not_dropped() -> None:
    examples = signal(60)
    order = np.argsort(examples.targets, kind="stable")
    made = Split("time", (Part(order[:15], order[15:20], order[20:]),), "")
    found = judge_baselines(examples, made, threads=1)
    assert found["logistic regression"].settings == "could not run: the training rows of a fold are all of one class"
    assert np.isnan(found["gradient boosting"].predictions).all()
    assert found["gradient boosting"].predictions.shape == (40, 2)
    assert np.array_equal(found["majority class"].predictions, np.tile([1.0, 0.0], (40, 1)))


def test_classes_that_a_fold_lacks_get_no_probability_and_break_nothing() -> None:
    """The class "c" only in validation and test rows."""
    examples = signal(200)
    targets = np.where(np.arange(200) % 50 == 49, 2, examples.targets).astype(np.int32)
    three = Task("classification", "y", ("a", "b", "c"))
    examples = dataclasses.replace(examples, task=three, targets=targets)
    known = np.flatnonzero(targets < 2)
    rest = np.flatnonzero(targets == 2)
    made = Split("holdout", (Part(known[:100], np.r_[known[100:130], rest[:2]], np.r_[known[130:], rest[2:]]),), "")
    found = judge_baselines(examples, made, threads=1)
    assert all(np.isfinite(b.predictions).all() for b in found.values())
    assert all(b.predictions.shape == (len(known) - 130 + 2, 3) for b in found.values())
    only_two = Split("holdout", (Part(known[:100], known[100:130], rest),), "")
    assert (judge_baselines(examples, only_two)["gradient boosting"].predictions[:, 2] == 0).all()


def test_without_validation_rows_some_training_rows_tune() -> None:
    examples = signal(120)
    rows = np.arange(120)
    made = Split("holdout", (Part(rows[:90], rows[:0], rows[90:]),), "")
    assert all(np.isfinite(b.predictions).all() for b in judge_baselines(examples, made).values())


def test_categories_beyond_the_bins_of_trees_and_unseen_ones() -> None:
    """300 categories, one of which only the test rows have."""
    rng = np.random.default_rng(6)
    kinds = rng.integers(0, 300, 1_200)
    good = rng.random(300) < 0.5
    targets = np.where(rng.random(1_200) < 0.9, good[kinds], ~good[kinds]).astype(np.int32)
    named = np.array([f"k{k}" for k in kinds], dtype=object)
    named[1_199] = "never seen"
    examples = table_examples({"kind": named, "z": rng.normal(size=1_200)}, targets, "no", "yes")
    assert examples.schema.column("kind").kind == "category"
    made = Split("holdout", (Part(np.arange(800), np.arange(800, 1_000), np.arange(1_000, 1_200)),), "")
    found = judge_baselines(examples, made, threads=1)
    assert all(np.isfinite(b.predictions).all() for b in found.values())
    right = found["logistic regression"].predictions.argmax(axis=1) == targets[1_000:]
    assert right.mean() > 0.65


def test_many_pixels_go_through_principal_components_and_say_so() -> None:
    rng = np.random.default_rng(7)
    targets = np.arange(120, dtype=np.int32) % 2
    images = rng.integers(0, 80, (120, 40, 40, 3)).astype(np.uint8)
    images[targets == 1, :20] += 100
    examples = image_examples(images, targets)
    rows = rng.permutation(120)
    made = Split("holdout", (Part(rows[:60], rows[60:80], rows[80:]),), "")
    found = judge_baselines(examples, made, threads=1)
    assert "64 principal components of pixels averaged to 20x20" in found["SVM"].settings
    assert "on pixels averaged to 20x20" in found["logistic regression"].settings
    assert "on pixels averaged to 8x8" in found["gradient boosting"].settings
    for name in ("logistic regression", "nearest neighbours", "SVM", "gradient boosting"):
        assert (found[name].predictions.argmax(axis=1) == targets[rows[80:]]).all()
        assert found[name].predictions.sum(axis=1) == pytest.approx(1)


def test_what_is_slow_is_fitted_on_fewer_rows_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "LOGISTIC_WORK", 1_000)
    examples = signal(1_000)
    found = judge_baselines(examples, split(examples, test=0.2), threads=1)
    assert "fitted on 83 of 800 rows" in found["logistic regression"].settings  # 6 columns, 2 classes
    assert "fitted on" not in found["gradient boosting"].settings


def test_a_fit_that_does_not_converge_is_said_and_other_warnings_pass() -> None:
    from sklearn.exceptions import ConvergenceWarning

    def unfinished(fold: Fold):
        warnings.warn("too few steps", ConvergenceWarning, stacklevel=1)
        return np.zeros(len(fold.test)), {"alpha": 1.0}

    def deprecated(fold: Fold):
        warnings.warn("old", FutureWarning, stacklevel=1)
        return np.zeros(len(fold.test)), {"alpha": 1.0}

    rows = np.arange(10)
    fold = Fold(Task("regression", "y"), Columns(np.zeros((10, 1)), np.zeros((10, 0), int)), rows, rows, rows, rows)
    assert baselines._run("m", unfinished, [fold]).settings == "alpha 1; stopped before it converged"
    with pytest.warns(FutureWarning, match="old"):
        baselines._run("m", deprecated, [fold])


def test_constant_answers_of_labelled_rows_alone() -> None:
    two = baselines.constant_baselines(Task("classification", "y", ("a", "b", "c")), np.array([0, 1, 1, 1]))
    assert list(two) == ["majority class"]
    assert two["majority class"].predictions.tolist() == [[0.25, 0.75, 0.0]] * 4
    assert two["majority class"].settings == "always b"
    values = baselines.constant_baselines(Task("regression", "y"), np.array([1.0, 2.0, 6.0]))
    assert {name: b.predictions.tolist() for name, b in values.items()} == {"mean": [3.0] * 3, "median": [2.0] * 3}


def test_settings_of_folds_as_text() -> None:
    chosen = [{"C": 0.1, "on": "pixels"}, {"C": 10.0, "on": "pixels"}, {"C": 1.0, "on": "pixels"}]
    assert baselines._settings(chosen) == "C 0.1 to 10, on pixels"
    assert baselines._settings(chosen[:1]) == "C 0.1, on pixels"


@pytest.mark.slow
def test_series_are_told_apart_by_random_kernels_and_by_numbers_about_them() -> None:
    """One class is rough and one is wavy, of the same mean and deviation; the lengths say nothing."""
    rng = np.random.default_rng(8)
    targets = rng.integers(0, 2, 120).astype(np.int32)
    rough = rng.choice([-1.0, 1.0], (120, 40))
    wavy = np.sqrt(2) * np.sin(np.arange(40) * 0.4 + rng.uniform(0, 6, (120, 1)))
    series = np.where(targets[:, None] == 1, wavy, rough) + 0.2 * rng.normal(size=(120, 40))
    series[np.arange(40) >= rng.integers(20, 41, (120, 1))] = np.nan
    examples = series_examples(series[:, :, None], targets, "rough", "wavy")
    made = split(examples)
    said: list[str] = []
    found = judge_baselines(examples, made, threads=2, observer=said.append)
    assert list(found) == ["majority class", "logistic regression", "gradient boosting", "random kernels"]
    assert [text.split(" on ")[0] for text in said] == list(found)
    right = {name: (b.predictions.argmax(axis=1) == targets[judged_rows(made)]).mean() for name, b in found.items()}
    assert min(right["logistic regression"], right["gradient boosting"], right["random kernels"]) > 0.98
    assert found["random kernels"].predictions.sum(axis=1) == pytest.approx(1)
    assert found["random kernels"].settings.endswith("on 10,000 numbers from 5,000 kernels")
    assert "mean step of each channel, and length" in found["logistic regression"].settings


def test_random_kernels_see_an_order_that_numbers_do_not() -> None:
    """Three steep ups and three slow downs, or the reverse, of the same values."""
    rng = np.random.default_rng(9)
    targets = rng.integers(0, 2, 100).astype(np.int32)
    saw = (np.arange(60) + rng.integers(0, 20, (100, 1))) % 20 / 20.0
    series = np.where(targets[:, None] == 1, saw, 0.95 - saw) + 0.05 * rng.normal(size=(100, 60))
    found = scores(series_examples(series[:, :, None], targets, "up", "down"), HOLDOUT, "accuracy")
    assert found["random kernels"] == 1.0
    assert found["random kernels"] > found["gradient boosting"] + 0.1


def test_series_with_values_as_targets() -> None:
    """How fast a wave of random phase goes."""
    rng = np.random.default_rng(10)
    speeds = rng.uniform(0.2, 1.0, 100)
    series = np.sin(speeds[:, None] * np.arange(80) + rng.uniform(0, 6, (100, 1)))
    found = scores(series_examples(series[:, :, None], 1_000 * speeds), HOLDOUT, "rmse")
    assert list(found) == ["mean", "median", "ridge regression", "gradient boosting", "random kernels"]
    assert found["random kernels"] < 0.15 * found["mean"]


def test_random_kernels_are_as_sure_as_they_are_right() -> None:
    """A third of the labels is wrong by chance: log loss near that of the true probabilities, no better accuracy."""
    rng = np.random.default_rng(11)
    truth = rng.integers(0, 3, 600)
    series = (truth[:, None] - 1) * np.linspace(0, 1, 20) + 0.3 * rng.normal(size=(600, 20))
    wrong = rng.random(600) < 1 / 3
    targets = np.where(wrong, (truth + rng.integers(1, 3, 600)) % 3, truth).astype(np.int32)
    examples = series_examples(series[:, :, None], targets, "down", "flat", "up")
    made = Split("holdout", (Part(np.arange(300), np.arange(300, 400), np.arange(400, 600)),), "")
    found = {name: log_loss(b.predictions, targets[400:]) for name, b in judge_baselines(examples, made).items()}
    entropy = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 6))
    assert found["random kernels"] < entropy + 0.15
    assert found["majority class"] > entropy + 0.2


def test_sounds_are_told_apart_by_their_mean_spectrum() -> None:
    pitches = np.random.default_rng(12).choice([300.0, 500.0, 1_100.0], 100)
    targets = np.searchsorted([300, 500, 1_100], pitches).astype(np.int32)
    examples = sound_examples(tones(100, pitches=pitches), targets, "low", "middle", "high")
    found = judge_baselines(examples, HOLDOUT, threads=2)
    assert list(found) == ["majority class", "logistic regression", "gradient boosting", "random kernels"]
    for name in list(found)[1:]:
        assert (found[name].predictions.argmax(axis=1) == targets[70:]).mean() > 0.95
    assert found["logistic regression"].settings.endswith("on mean log-mel")
    assert found["gradient boosting"].settings.endswith("on mean and deviation of log-mel")


@pytest.mark.slow
def test_padding_of_series_and_sounds_changes_nothing() -> None:
    rng = np.random.default_rng(13)
    targets = rng.integers(0, 2, 100).astype(np.int32)
    series = rng.normal(size=(100, 30, 2)).astype(np.float32)
    series[np.arange(30) >= rng.integers(5, 31, (100, 1))] = np.nan
    sounds = tones(100, pitches=np.where(targets, 300.0, 400.0))
    longer = np.pad(series, ((0, 0), (0, 9), (0, 0)), constant_values=np.nan)
    later = np.pad(sounds, ((0, 0), (0, 400)), constant_values=SILENCE)
    for one, other in (
        (series_examples(series, targets, "a", "b"), series_examples(longer, targets, "a", "b")),
        (sound_examples(sounds, targets, "a", "b"), sound_examples(later, targets, "a", "b")),
    ):
        found, same = (judge_baselines(examples, HOLDOUT, threads=1) for examples in (one, other))
        for name, baseline in found.items():
            assert baseline.predictions == pytest.approx(same[name].predictions, abs=0.02)


def test_no_test_series_is_seen_before_it_is_predicted() -> None:
    rng = np.random.default_rng(14)
    targets = rng.integers(0, 2, 100).astype(np.int32)
    series = rng.normal(size=(100, 30, 1)) + targets[:, None, None]
    other = np.where(np.arange(100)[:, None, None] < 99, series, 1e6)
    kept = Split("holdout", (Part(np.arange(60), np.arange(60, 70), np.arange(70, 99)),), "")
    found, same = (judge_baselines(series_examples(s, targets, "a", "b"), kept, threads=1) for s in (series, other))
    for name, baseline in found.items():
        assert np.array_equal(baseline.predictions, same[name].predictions)


def test_what_takes_long_gets_fewer_kernels_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(15)
    examples = series_examples(rng.normal(size=(100, 20, 1)), rng.normal(size=100))
    for limit, value, kernels in (("KERNEL_WORK", 4e5, 200), ("RIDGE_WORK", 70 * 70 * 300, 150)):
        with monkeypatch.context() as changed:
            changed.setattr(models, limit, value)  # 100 series of 20 steps; 70 rows
            found = judge_baselines(examples, HOLDOUT, threads=1)["random kernels"].settings
        assert found.endswith(
            f"on {2 * kernels} numbers from {kernels} kernels, fewer than 10,000, which would take long"
        )
    monkeypatch.setattr(models, "KERNEL_CELLS", 4_000)
    found = judge_baselines(examples, HOLDOUT, threads=1)["random kernels"].settings
    assert found.endswith("fitted on 40 of 70 rows")


def test_series_that_say_nothing_break_nothing() -> None:
    """All equal; a single step; and one that has no step at all, which no reader lets through."""
    targets = (np.arange(100) % 2).astype(np.int32)
    empty = np.where(
        np.arange(100)[:, None, None] == 5, np.nan, np.arange(100)[:, None, None] / 50.0 * np.ones((1, 3, 1))
    )
    for series in (np.ones((100, 20, 2)), np.random.default_rng(16).normal(size=(100, 1, 1)), empty):
        found = judge_baselines(series_examples(series, targets, "a", "b"), HOLDOUT, threads=1)
        assert all(np.isfinite(b.predictions).all() for b in found.values())
        assert not [b.settings for b in found.values() if "could not run" in b.settings]
