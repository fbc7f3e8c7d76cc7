"""Ridge regression for more columns than rows, which says what it would have predicted for each row without it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

PENALTIES = np.logspace(3, -3, 10).tolist()
PIECE = 1_000  # columns or rows that are made float64 at a time


@dataclass(frozen=True)
class Ridge:
    """Weights [columns, outputs] of standardised columns.

    ``left_out`` [rows, outputs]: what is predicted for each row by a fit to all others.
    """

    penalty: float
    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    left_out: np.ndarray

    def predict(self, columns: np.ndarray) -> np.ndarray:
        """Of rows [n, columns]: [n, outputs]."""
        return ((columns - self.mean) / self.deviation) @ self.weights + self.centre


def fit_ridge(columns: np.ndarray, targets: np.ndarray) -> Ridge:
    """Of float32 rows [n, columns] and targets [n, outputs], which share the penalty with the least left-out errors.

    The columns are standardised. Leaving a row out has a closed form (Allen 1974, the PRESS statistic). The penalty is
    made less as long as the errors become less.

    >>> x = np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [2.0, 1.0]], np.float32)
    >>> fit_ridge(x, 3 * x[:, :1]).predict(x).round(2).ravel().tolist()
    [-3.0, 0.0, 3.0, 6.0]
    """
    mean, deviation = columns.mean(axis=0), columns.std(axis=0)
    deviation[deviation < 1e-6] = 1.0
    centre = targets.mean(axis=0)
    equations = _Equations((columns - mean) / deviation, targets - centre)
    solved = [equations.solved(PENALTIES[0])]
    for penalty in PENALTIES[1:]:
        solved.append(equations.solved(penalty))
        if (solved[-1].errors ** 2).sum() >= (solved[-2].errors ** 2).sum():
            solved.pop()
            break
    best = solved[-1]
    weights = equations.weights(best)
    return Ridge(PENALTIES[len(solved) - 1], mean, deviation, weights, centre, targets - best.errors)


class _Solved(NamedTuple):
    """Coefficients of rows or columns, and the errors [rows, outputs] that each row has if it is left out."""

    coefficients: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True)
class _Equations:
    """The normal equations of centred rows, in as few unknowns as there are rows or columns."""

    rows: np.ndarray
    targets: np.ndarray

    @property
    def wide(self) -> bool:
        """Whether the unknowns are those of the rows."""
        return len(self.rows) <= self.rows.shape[1]

    @cached_property
    def products(self) -> np.ndarray:
        """Of every two rows or every two columns."""
        return _products(self.rows.T if self.wide else self.rows)

    def solved(self, penalty: float) -> _Solved:
        """For one penalty."""
        inverse = _inverse(self.products + penalty * np.eye(len(self.products)))
        if self.wide:
            found = inverse @ self.targets
            errors, free = penalty * found, penalty * np.diagonal(inverse)
        else:
            found = inverse @ (self.rows.T @ self.targets)
            errors, free = self.targets - self.rows @ found, 1 - ((self.rows @ inverse) * self.rows).sum(axis=1)
        return _Solved(found, errors / np.maximum(free - 1 / len(self.rows), 1e-9)[:, None])

    def weights(self, solved: _Solved) -> np.ndarray:
        """Of the columns, float32 [columns, outputs]."""
        found = solved.coefficients.astype(np.float32)
        return self.rows.T @ found if self.wide else found


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """Of a symmetric positive definite matrix, for a third of the price that others have."""
    from scipy.linalg import get_lapack_funcs

    factorise, invert = get_lapack_funcs(("potrf", "potri"), (matrix,))
    factor, failed = factorise(matrix.T, lower=True, overwrite_a=True)
    if failed:
        raise np.linalg.LinAlgError("the equations have no single solution")
    half, _ = invert(factor, lower=True, overwrite_c=True)
    return np.tril(half) + np.tril(half, -1).T


def _products(rows: np.ndarray) -> np.ndarray:
    """Of every two columns, float64 [columns, columns]; a piece at a time, as a copy of all rows may be large."""
    found = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), PIECE):
        some = rows[start : start + PIECE].astype(np.float64)
        found += some.T @ some
    return found
