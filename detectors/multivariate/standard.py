"""Scales columns to deviations from the reference's median, all finite."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from watchkeeper.detectors.multivariate.row_score import as_reference, as_rows
from watchkeeper.detectors.profiles.columns import Floats

LIMIT = 20.0
"""Values are clipped to this many deviations from the median, infinite ones too. Chosen by hand: single wild
values must not hide the rest of a row."""
_TAIL = 0.001
"""Share of the rows at each end that is clipped for the standard deviation. Chosen by hand."""
_FLAT = 1e-6
"""One deviation of a constant column, as a share of the constant's size. Chosen by hand: any real change of a
constant is many deviations."""


@dataclass(frozen=True, slots=True)
class Standard:
    """Scales columns to deviations from the reference's median.

    z = (x - median) / s, clipped to [-20, 20]; 0 where x is missing, so a missing value counts as the median.
    s is the standard deviation of the reference with a thousandth of the rows clipped at each end, so that
    single wild values do not set it. Cost: 5 ns per value; to fit, one sort of each column.

    Args:
        centre: The median of each column, shape (columns,).
        scale: The deviation of each column, shape (columns,). It is infinite for a column without a value in
            the reference, so that all its deviations are 0.

    >>> rows = np.column_stack((np.arange(9.0), np.full(9, 5.0), np.full(9, np.nan)))
    >>> Standard.of(rows).apply(np.array([[4.0, np.nan, 7.0], [np.inf, 5.1, np.nan]]))
    array([[ 0.,  0.,  0.], [20., 20.,  0.]])
    """

    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, reference: Floats) -> Self:
        """Learn from the reference.

        Args:
            reference: Rows, shape (rows, columns); values that are not finite count as missing.

        Raises:
            ValueError: There are fewer than 8 rows, or no columns.
        """
        rows = as_reference(reference)
        ordered = np.sort(np.where(np.isfinite(rows), rows, np.nan), axis=0)
        counts = np.count_nonzero(np.isfinite(ordered), axis=0)
        centre = np.where(counts > 0, _at(ordered, counts, 0.5), 0.0)
        clipped = _deviation(ordered, centre, _at(ordered, counts, _TAIL), _at(ordered, counts, 1 - _TAIL))
        whole = _deviation(ordered, centre, ordered[0], _at(ordered, counts, 1.0))
        constant = _FLAT * np.maximum(np.abs(centre), _FLAT)
        scale = np.where(clipped > 0, clipped, np.where(whole > 0, whole, constant))
        return cls(centre, np.where(counts > 0, scale, np.inf))

    def apply(self, rows: Floats) -> Floats:
        """Turn rows into deviations, all finite.

        Args:
            rows: Rows with the reference's columns, shape (rows, columns).

        Returns:
            The deviations, shape (rows, columns).
        """
        return deviations(as_rows(rows, len(self.centre)), self.centre, self.scale)


def deviations(rows: Floats, centre: Floats, scale: Floats) -> Floats:
    """Turn rows into deviations, all finite.

    Args:
        rows: The rows, shape (rows, columns).
        centre: The medians, of a shape that broadcasts with the rows.
        scale: The deviations, of a shape that broadcasts with the rows.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = (rows - centre) / scale
    np.clip(found, -LIMIT, LIMIT, out=found)
    found[np.isnan(found)] = 0.0
    return found


def _at(ordered: Floats, counts: "np.ndarray[tuple[int], np.dtype[np.intp]]", share: float) -> Floats:
    """Give a quantile of each column of sorted values, with NaN at the end."""
    index = np.rint(share * np.maximum(counts - 1, 0)).astype(int)
    quantiles: Floats = ordered[index, np.arange(ordered.shape[1])]
    return quantiles


def _deviation(ordered: Floats, centre: Floats, low: Floats, high: Floats) -> Floats:
    """Give the standard deviation of values clipped to a range, without overflow; 0 if it is not finite."""
    half = high / 2 - low / 2
    usable = half > 0
    with np.errstate(over="ignore"):
        width = np.where(usable, half, 1.0)
        shares = (np.clip(ordered, low, high) / 2 - centre / 2) / width
        counts = np.maximum(np.count_nonzero(~np.isnan(shares), axis=0), 1)
        shares = shares - np.nansum(shares, axis=0) / counts
        spread = 2 * width * np.sqrt(np.nansum(shares**2, axis=0) / counts)
    return np.where(usable & np.isfinite(spread), spread, 0.0)
