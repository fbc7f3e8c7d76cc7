"""What a verdict says: the sentence in every case it can meet, its rows, and its JSON."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from lamina.data.examples import Task
from lamina.judgement.baselines import Baseline
from lamina.judgement.interval import wilson
from lamina.judgement.verdict import Verdict, judge
from lamina.metrics import METRICS, score

TWO = Task("classification", "sick", ("no", "yes"), positive="yes")
VALUE = Task("regression", "price")


def answers(rows: int, right: range) -> np.ndarray:
    """One-hot answers to targets 0, 1, 0, 1, ...: right where the row is in the range."""
    targets = np.arange(rows) % 2
    return np.eye(2)[np.where(np.isin(np.arange(rows), list(right)), targets, 1 - targets)]


def verdict_of(metric: str, ours: np.ndarray, theirs: dict[str, np.ndarray], **more) -> Verdict:
    """The verdict on answers to targets 0, 1, 0, 1, ..., or to zeros for a regression."""
    regression = METRICS[metric].task_kind == "regression"
    targets = np.zeros(len(ours)) if regression else np.arange(len(ours)) % 2
    if metric == "r2":
        targets = np.linspace(-1, 1, len(ours))
    baselines = {name: Baseline(name, p, f"settings of {name}", 0.25) for name, p in theirs.items()}
    return judge(
        VALUE if regression else TWO, METRICS[metric], targets, ours, baselines, rows_kind="out of fold", **more
    )


def errors(size: float, rows: int = 400, seed: int = 0) -> np.ndarray:
    return size * np.random.default_rng(seed).normal(size=rows)


def test_a_simpler_model_that_is_as_good_is_said_to_be() -> None:
    found = verdict_of("accuracy", answers(344, range(339)), {"logistic regression": answers(344, range(340))})
    assert found.sentence == (
        "The network gets 98.5 % of 344 unseen rows right (95 % interval 96.6 to 99.4 %); logistic regression gets "
        "98.8 %: no difference larger than noise, so the simpler model is as good."
    )
    assert found.interval == wilson(339, 344)
    assert found.best_baseline == "logistic regression"


def test_a_lead_within_noise_is_none() -> None:
    found = verdict_of("accuracy", answers(344, range(340)), {"logistic regression": answers(344, range(339))})
    assert found.sentence.endswith("no difference larger than noise, so the simpler model may well be as good.")


def test_a_lead_larger_than_noise_has_its_size() -> None:
    found = verdict_of("accuracy", answers(400, range(380)), {"SVM": answers(400, range(340))})
    assert found.sentence == (
        "The network gets 95.0 % of 400 unseen rows right (95 % interval 92.4 to 96.7 %); an SVM gets 85.0 %: "
        "the network is better by 10.0 points (6.9 to 13.0), more than noise."
    )


def test_a_simpler_model_that_is_better_is_said_to_be() -> None:
    found = verdict_of("accuracy", answers(400, range(340)), {"SVM": answers(400, range(380))})
    assert found.sentence.endswith(
        "an SVM gets 95.0 %: the simpler model is better by 10.0 points (6.9 to 13.0), more than noise."
    )
    assert found.baselines["SVM"].difference == pytest.approx(-0.1)


def test_a_regression_is_off_by_its_units_and_less_is_better() -> None:
    ours, theirs = errors(0.5), {"ridge regression": errors(1.0), "mean": errors(2.0)}
    found = verdict_of("rmse", ours, theirs)
    assert re.fullmatch(
        r"The network is off by 0\.498 \(root mean square, in units of price\) on 400 unseen rows \(95 % interval "
        r"0\.\d{3} to 0\.\d{3}\); ridge regression is off by 0\.996: the network is better by 0\.498 \(0\.\d{3} to "
        r"0\.\d{3}\), more than noise\.",
        found.sentence,
    )
    assert found.best_baseline == "ridge regression"
    assert found.baselines["mean"].difference == pytest.approx(np.sqrt((theirs["mean"] ** 2).mean()) - found.score)
    assert verdict_of("rmse", theirs["mean"], {"ridge regression": ours}).baselines["ridge regression"].difference < 0


def test_large_units_are_rounded_to_what_the_interval_supports() -> None:
    found = verdict_of("rmse", errors(68_000, 4_000), {})
    assert re.match(r"The network is off by 6\d,\d00 \(.*interval 6\d,\d00 to (6\d|70),\d00\)\.", found.sentence)


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("balanced accuracy", "gets 98.0 % right, averaged over the classes, of 400 unseen rows"),
        ("auc", "reaches an AUC of 0.980 on 400 unseen rows"),
        ("f1", "reaches an F1 of 0.980 on 400 unseen rows"),
        ("log loss", "has a log loss of 0.7 on 400 unseen rows"),
        ("mae", "is off by 0.8"),
        ("r2", "reaches an R2 of 0.9"),
    ],
)
def test_every_metric_has_its_words_and_the_better_model_is_called_so(metric: str, says: str) -> None:
    good, bad = answers(400, range(392)), answers(400, range(200))
    if METRICS[metric].task_kind == "regression":
        good, bad = errors(1.0), errors(3.0)
        if metric == "r2":
            good, bad = (np.linspace(-1, 1, 400) + 0.1 * e for e in (good, bad))
    ahead, behind = (
        verdict_of(metric, good, {"ridge regression": bad}),
        verdict_of(metric, bad, {"ridge regression": good}),
    )
    assert says in ahead.sentence
    assert ": the network is better by" in ahead.sentence
    assert ": the simpler model is better by" in behind.sentence
    assert (
        ahead.baselines["ridge regression"].difference_interval[0] > 0 > behind.baselines["ridge regression"].difference
    )


def test_the_best_of_equals_is_the_simplest() -> None:
    same = answers(100, range(90))
    assert (
        verdict_of("accuracy", same, {"logistic regression": same, "SVM": same}).best_baseline == "logistic regression"
    )


def test_a_network_no_better_than_a_constant_answer_has_learned_nothing() -> None:
    always = np.tile([0.6, 0.4], (100, 1))
    found = verdict_of("accuracy", answers(100, range(52)), {"majority class": always})
    assert found.sentence.endswith(
        "always naming the most frequent class gets 50 %: no difference larger than noise, "
        "so nothing useful was learned."
    )
    beside = verdict_of("accuracy", answers(100, range(52)), {"majority class": always, "SVM": answers(100, range(90))})
    assert beside.notes == ("The network is not better than always naming the most frequent class by more than noise.",)


def test_a_network_that_answers_nan_is_not_judged_and_the_others_are() -> None:
    found = verdict_of("accuracy", np.full((100, 2), math.nan), {"SVM": answers(100, range(90))})
    assert found.sentence == (
        "The network can't be judged by accuracy on 100 unseen rows: the score is not a number; an SVM gets 90 %."
    )
    assert found.baselines["SVM"].score == 0.9


def test_a_baseline_that_could_not_run_is_noted_and_never_the_best() -> None:
    failed = np.full((100, 2), math.nan)
    found = verdict_of("accuracy", answers(100, range(90)), {"SVM": failed}).with_notes("First.")
    assert found.sentence.endswith("; no simpler model could be judged beside it.")
    assert found.best_baseline is None
    assert found.notes == ("First.", "SVM could not be judged: settings of SVM")


def test_without_baselines_it_says_how_good_and_where_the_rows_are_from() -> None:
    targets = np.arange(40) % 2
    found = judge(TWO, METRICS["accuracy"], targets, answers(40, range(36)), {}, rows_kind="test file")
    assert found.sentence == "The network gets 90 % of 40 rows of the test file right (95 % interval 77 to 96 %)."
    assert found.lines() == [found.sentence]


def test_groups_reach_the_intervals() -> None:
    targets, groups = np.arange(40) % 2, np.arange(40) // 4
    given = answers(40, range(30))
    whole = judge(TWO, METRICS["accuracy"], targets, given, {}, rows_kind="held out", groups=groups)
    assert "whole groups" in whole.interval_method
    assert whole.interval[0] < wilson(30, 40)[0]  # ten groups, of which 2 hold all mistakes and one half


def test_json_is_strict_and_comes_back_equal() -> None:
    theirs = {"SVM": answers(100, range(90)), "logistic regression": np.full((100, 2), math.nan)}
    found = verdict_of("accuracy", answers(100, range(95)), theirs).with_notes("One.")
    written = json.dumps(found.to_json(), allow_nan=False)
    values = json.loads(written)
    assert values["baselines"]["logistic regression"]["score"] is None
    assert {
        "sentence",
        "metric",
        "greater_is_better",
        "score",
        "interval",
        "interval_method",
        "rows",
        "baselines",
    } <= set(values)
    back = Verdict.from_json(values)
    assert json.dumps(back.to_json()) == json.dumps(found.to_json())
    assert back.baselines["SVM"] == found.baselines["SVM"]
    assert back.task == found.task
    assert back.lines() == found.lines()


def test_lines_have_a_row_for_every_model_and_its_settings() -> None:
    found = verdict_of("accuracy", answers(400, range(380)), {"SVM": answers(400, range(340))})
    table = [re.split(r"\s{2,}", line) for line in found.lines()[1:4]]
    assert table == [
        ["", "accuracy", "95 % interval", "the network is better by", "seconds"],
        ["network", "95.0 %", "92.4 to 96.7 %"],
        ["SVM", "85.0 %", "81.2 to 88.2 %", "10.0 points (6.9 to 13.0)", "0.2"],
    ]
    assert "SVM: settings of SVM" in found.lines()


def test_scores_are_those_of_the_metric() -> None:
    given = np.random.default_rng(4).dirichlet([1, 1], 60)
    found = verdict_of("log loss", given, {"SVM": answers(60, range(60))})
    assert found.score == score(METRICS["log loss"], TWO, np.arange(60) % 2, given)
    assert not found.greater_is_better
