"""The estimators in scikit-learn's own machinery."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lamina.estimators import NetworkClassifier, NetworkRegressor

QUICK = {"network": "dense 8", "epochs": 40, "learning_rate": 0.03, "batch_size": 32}


@pytest.fixture(scope="module")
def rings() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 2))
    return x, np.where((x**2).sum(1) > 1.4, "outer", "inner")


def test_it_learns_what_no_line_separates(rings: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = rings
    fitted = NetworkClassifier(**QUICK).fit(x[:200], y[:200])
    assert fitted.score(x[200:], y[200:]) > 0.85
    assert fitted.classes_.tolist() == ["inner", "outer"]
    chances = fitted.predict_proba(x)
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[chances.argmax(1)], fitted.predict(x))


def test_equal_seeds_give_equal_answers(rings: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = rings
    first, second, other = (
        NetworkClassifier(**QUICK, random_state=seed).fit(x, y).predict_proba(x) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_labels_keep_their_type(rings: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = rings
    numbers = np.where(y == "outer", 7, -2)
    fitted = NetworkClassifier(**QUICK).fit(x, numbers)
    assert sorted(set(fitted.predict(x).tolist())) == [-2, 7]
    assert fitted.predict(x).dtype.kind == "i"


def test_regression_answers_in_the_targets_units(rings: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = rings
    y = 1000 + 50 * x[:, 0] - 20 * x[:, 1]
    fitted = NetworkRegressor(**QUICK).fit(x[:200], y[:200])
    assert fitted.score(x[200:], y[200:]) > 0.9
    assert abs(fitted.predict(x).mean() - 1000) < 20


def test_sample_weights_of_zero_leave_a_class_unlearned(rings: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = rings
    weights = (y == "outer").astype(float)
    fitted = NetworkClassifier(**QUICK).fit(x, y, sample_weight=weights)
    assert (fitted.predict(x) == "outer").mean() > 0.95


def test_it_clones_and_cross_validates_in_a_pipeline(rings: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = rings
    estimator = NetworkClassifier(**QUICK)
    assert clone(estimator).get_params() == estimator.get_params()
    scores = cross_val_score(make_pipeline(StandardScaler(), estimator), x, y, cv=2)
    assert scores.mean() > 0.8


def test_several_learning_rates_are_one_population(rings: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = rings
    fitted = NetworkClassifier("dense 8", learning_rate=[1e-5, 0.03], epochs=30, repeats=2).fit(x, y)
    assert len(fitted.results_) == 4
    assert len(fitted.model_.parts) == 2
    assert fitted.score(x, y) > 0.85


def test_frames_with_words_and_gaps(rings: tuple[np.ndarray, np.ndarray]) -> None:
    pandas = pytest.importorskip("pandas")
    _, y = rings
    frame = pandas.DataFrame(
        {
            "side": np.where(y == "outer", "out", "in"),
            "noise": np.where(np.arange(240) % 7 == 0, np.nan, 1.0 * np.arange(240)),
        }
    )
    fitted = NetworkClassifier(**QUICK).fit(frame, y)
    assert fitted.score(frame, y) > 0.98
    assert fitted.n_features_in_ == 2


def test_it_says_when_it_is_not_fitted() -> None:
    with pytest.raises(NotFittedError):
        NetworkClassifier().predict(np.zeros((2, 2)))
