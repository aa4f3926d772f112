"""What every score of rows is, and scores of reference rows that are as good as those of new ones."""

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol, Self

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats

SCORED_ROWS_MIN = 8
"""The fewest rows of a reference of scores."""
_FOLDS = 20
_FITTED = 10_000
"""Few rows are cut into more folds, as long as these are no more rows in all."""
_FOLDS_MIN, _MANY = 5, 400_000
"""So many rows know themselves hardly better than others: a few folds do."""


class RowScore(Protocol):
    """Gives each row one number that is unlike the reference's where the row is.

    Rows are [rows, columns]; NaN is a missing value. What a score means is its rank among the reference's.
    """

    def fit(self, rows: Floats) -> Self:
        """Learn from the reference; ValueError: fewer than 8 rows."""

    def scores(self, rows: Floats) -> Floats:
        """Score rows, each by itself; all finite, whatever is in the rows."""

    def fit_scores(self, rows: Floats) -> Floats:
        """Learn from the reference, and score its rows as if they were new; 16 rows at least."""

    def snapshot(self) -> bytes:
        """Encode what was learned."""


def as_rows(rows: Floats, columns: int | None = None) -> Floats:
    """Check rows: a matrix, of at least one column, of as many as the reference where that is known.

    >>> as_rows(np.zeros((3, 2)), columns=4)
    Traceback (most recent call last):
      ...
    ValueError: rows must have 4 columns as the reference, got 2
    """
    rows = np.asarray(rows, float)
    if rows.ndim != 2 or not rows.shape[1]:
        raise ValueError(f"rows must be a matrix of rows and columns, got the shape {rows.shape}")
    if columns is not None and rows.shape[1] != columns:
        raise ValueError(f"rows must have {columns} columns as the reference, got {rows.shape[1]}")
    return rows


def as_reference(rows: Floats) -> Floats:
    """Check the rows of a reference.

    >>> as_reference(np.zeros((3, 2)))
    Traceback (most recent call last):
      ...
    ValueError: a reference needs at least 8 rows, got 3
    """
    rows = as_rows(rows)
    if len(rows) < SCORED_ROWS_MIN:
        raise ValueError(f"a reference needs at least {SCORED_ROWS_MIN} rows, got {len(rows)}")
    return rows


def cross_fitted(make: Callable[[], RowScore], rows: Floats) -> Floats:
    """Score each row of the reference by a fit on the others.

    A fit knows its own rows too well: where columns are not few beside rows, their distances are too small,
    and any new row would look strange. So the rows are cut into spans of time, as neighbours may be alike,
    and each span is scored by a fit on all others. The fit on all rows, which scores new ones, has a
    twentieth more rows; what that leaves is a bias of about columns / (19 rows) of the score, upwards.

    Paper: Barber et al. (2021), Predictive inference with the jackknife+. Cost: 20 fits, more below 500
    rows, 5 for many.

    >>> from watchkeeper.detectors.multivariate.mahalanobis import Mahalanobis
    >>> rows = np.random.default_rng(1).normal(size=(100, 20))
    >>> fit = Mahalanobis().fit(rows)
    >>> bool(cross_fitted(Mahalanobis, rows).mean() > fit.scores(rows).mean())
    True
    """
    rows = as_reference(rows)
    if len(rows) < 2 * SCORED_ROWS_MIN:
        raise ValueError(f"scores of a reference need at least {2 * SCORED_ROWS_MIN} rows, got {len(rows)}")
    cuts = np.linspace(0, len(rows), _folds(len(rows)) + 1).astype(int)
    scores = np.empty(len(rows))
    for start, end in pairwise(cuts):
        others = np.concatenate((rows[:start], rows[end:]))
        scores[start:end] = make().fit(others).scores(rows[start:end])
    return scores


def _folds(rows: int) -> int:
    """Choose the number of folds.

    >>> _folds(50), _folds(200), _folds(10_000), _folds(100_000)
    (50, 50, 20, 5)
    """
    return min(rows, max(_FOLDS_MIN, min(_FOLDS, _MANY // rows), _FITTED // rows))
