"""The protocol of scores of rows, and cross-fitted scores of the reference's own rows."""

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol, Self

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats

SCORED_ROWS_MIN = 8
"""Minimum number of rows in a reference. Chosen by hand: fewer rows give no scale."""
_FOLDS = 20
"""Number of folds for most references: a fit then has a twentieth fewer rows than that on all rows. Chosen by
hand: more folds are less biased and cost more."""
_FITTED = 10_000
"""Number of rows in all fits up to which small references get more than 20 folds. Chosen by hand."""
_FOLDS_MIN = 5
"""Minimum number of folds, for large references. Chosen by hand."""
_MANY = 400_000
"""Number of rows in all fits beyond which large references get fewer than 20 folds: their fits hardly depend
on single rows. Chosen by hand."""


class RowScore(Protocol):
    """Gives each row one number, which is unusual where the row is.

    Rows have the shape (rows, columns); NaN is a missing value. Compare a score with those of the reference's
    rows.
    """

    def fit(self, rows: Floats) -> Self:
        """Learn from the reference.

        Args:
            rows: Rows in order of time, shape (rows, columns); NaN is a missing value.

        Raises:
            ValueError: There are fewer than 8 rows, or no columns.
        """

    def scores(self, rows: Floats) -> Floats:
        """Score each row separately. All scores are finite, also for missing and infinite values.

        Args:
            rows: The rows, of shape (rows, columns).

        Returns:
            The scores, of shape (rows,).
        """

    def fit_scores(self, rows: Floats) -> Floats:
        """Learn from the reference, and score its rows as if they were new; needs at least 16 rows."""

    def snapshot(self) -> bytes:
        """Encode what was learned as MessagePack."""


def as_rows(rows: Floats, columns: int | None = None) -> Floats:
    """Check rows, and return them as floats.

    Args:
        rows: The rows to check, shape (rows, columns), with at least one column.
        columns: The number of columns in the reference, if known.

    Raises:
        ValueError: The shape is another one.

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
    """Check the rows of a reference, and return them as floats.

    Args:
        rows: The rows to check, shape (rows, columns).

    Raises:
        ValueError: There are fewer than 8 rows, or no columns.

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

    A fit gives its own rows scores that are too low, unless rows far outnumber columns; any new row would
    look unusual. So the rows are cut into spans of time, because neighbours may be alike, and each span is
    scored by a fit on all others. The fit on all rows, which scores new ones, has a twentieth more rows; this
    leaves an upward bias of about columns / (19 rows) of the score.

    Paper: Barber et al. (2021), Predictive inference with the jackknife+. Cost: 20 fits, more below 500
    rows, 5 for many.

    Args:
        make: Builds an unfitted score.
        rows: Rows of the reference in order of time, shape (rows, columns), at least 16.

    Returns:
        The scores, shape (rows,).

    Raises:
        ValueError: There are fewer than 16 rows.

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
