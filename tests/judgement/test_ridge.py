"""Ridge regression against scikit-learn's, and what is left out against leaving it out."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.judgement.ridge import PENALTIES, fit_ridge


def made(rows: int, columns: int, *, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns of very different sizes, and two outputs that a few of them explain."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)) * rng.uniform(0.1, 30, columns) + rng.normal(size=columns)
    y = (x / x.std(axis=0))[:, :5] @ rng.normal(size=(5, 2)) + noise * rng.normal(size=(rows, 2)) + [3, -7]
    return x.astype(np.float32), y


def standard(x: np.ndarray) -> np.ndarray:
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float64)


@pytest.mark.parametrize(("rows", "columns"), [(30, 80), (80, 30), (40, 40)])
def test_predictions_are_those_of_scikit_learn(rows: int, columns: int) -> None:
    from sklearn.linear_model import Ridge

    x, y = made(rows, columns, noise=1.0)
    new = made(20, columns, noise=1.0, seed=0)[0] + np.float32(0.1)
    found = fit_ridge(x, y)
    theirs = Ridge(found.penalty).fit(standard(x), y)
    assert found.predict(x) == pytest.approx(theirs.predict(standard(x)), abs=1e-3)
    assert found.predict(new) == pytest.approx(
        theirs.predict((new - x.mean(axis=0)) / x.std(axis=0)), rel=1e-3, abs=1e-2
    )


@pytest.mark.parametrize(("rows", "columns"), [(12, 30), (30, 12)])
def test_a_row_left_out_is_predicted_by_a_fit_without_it(rows: int, columns: int) -> None:
    from sklearn.linear_model import Ridge

    x, y = made(rows, columns, noise=1.0)
    found, scaled = fit_ridge(x, y), standard(x)
    for row in range(rows):
        others = np.arange(rows) != row
        alone = Ridge(found.penalty).fit(scaled[others], y[others]).predict(scaled[row : row + 1])
        assert found.left_out[row] == pytest.approx(alone[0], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(("rows", "columns"), [(40, 100), (100, 40)])
@pytest.mark.parametrize("noise", [0.01, 1.0, 30.0])
def test_the_penalty_is_that_of_scikit_learn(rows: int, columns: int, noise: float) -> None:
    from sklearn.linear_model import RidgeCV

    x, y = made(rows, columns, noise=noise)
    assert fit_ridge(x, y).penalty == pytest.approx(RidgeCV(PENALTIES).fit(standard(x), y).alpha_)


def test_equal_rows_constant_columns_and_a_single_row() -> None:
    x, y = made(10, 30, noise=0.1)
    twice = np.concatenate([x, x])
    twice[:, 3] = 5.0
    found = fit_ridge(twice, np.concatenate([y, y]))
    assert found.penalty == min(PENALTIES)  # its twin tells each row
    assert found.predict(twice) == pytest.approx(np.concatenate([y, y]), abs=0.01)
    assert found.left_out == pytest.approx(np.concatenate([y, y]), abs=0.01)
    assert fit_ridge(x[:1], y[:1]).predict(x[:1]) == pytest.approx(y[:1])
