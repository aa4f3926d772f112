"""Bins of numbers: a few ranges of values whose shares the reference knows."""

from itertools import pairwise

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy.special import gammaincinv

from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.edges import equal_shares

Codes = NDArray[np.intp]
"""The bin of each row, of shape (rows,); `MISSING` for a row without a usable value."""
BINS = 40
"""Maximum number of bins of a column of numbers. Chosen by hand: with 40 bins of equal share little is lost
against the best test for each kind of change (docs/adr/0010), and a bin keeps enough rows."""
_BINS_MIN = 8
"""Minimum number of bins of a column of numbers, however short the reference. Chosen by hand: four scores
need five."""
_ROWS_PER_BIN = 50
"""Number of reference rows for each bin, where the reference is short. Chosen by hand: it limits the error of
the shares to about a seventh of each."""
_QUARTERS = 4
"""Number of parts of the reference that must not have values far out of another's range. Chosen by hand.
Without the rule, three weeks of weather with a dry week raised 15 false alarms instead of 2 (commit
ed7aa8c)."""
MISSING = -1
"""Code of a row without a usable value."""
_SURE = 0.999
"""Level of Poisson's upper bound. Chosen by hand: one share in a thousand is truly higher than its bound."""
NEW_VALUES = "share of new values"
"""Name of a change in the share of values that the reference does not have."""


class NumericBins(Struct, frozen=True, tag="number"):
    """Bins of about equal share, or one for each value if the reference has few of them.

    >>> bins = NumericBins.of(np.array([0.0, 1.0, 1.0, 0.0]))
    >>> bins.codes(np.array([0.0, 1.0, np.nan])).tolist()
    [0, 1, -1]
    """

    edges: tuple[float, ...]
    """Edges between the bins, ascending; a value on an edge belongs to the bin above it."""

    @classmethod
    def of(cls, values: Floats) -> "NumericBins":
        """Fit the bins. A column of one value gets a bin on each side of it.

        Args:
            values: The reference's values, all finite, of shape (rows,).
        """
        distinct = np.unique(values)
        if len(distinct) == 1:
            only = float(distinct[0])
            return cls((only, float(np.nextafter(only, np.inf))))
        if _are_few(distinct, len(values)):
            return cls(tuple(distinct[1:].tolist()))
        bins = max(_BINS_MIN, min(BINS, len(values) // _ROWS_PER_BIN))
        return cls(tuple(equal_shares(values, bins).tolist()))

    @property
    def count(self) -> int:
        """Number of bins."""
        return len(self.edges) + 1

    @property
    def names(self) -> list[str]:
        """Name of each bin."""
        edges = [f"{edge:.6g}" for edge in self.edges]
        between = [f"{low} to {high}" for low, high in pairwise(edges)]
        return [f"below {edges[0]}", *between, f"{edges[-1]} and above"]

    def codes(self, values: Floats) -> Codes:
        """Return the bin of each value; `MISSING` for a value that is not finite.

        Args:
            values: Values of shape (rows,).
        """
        codes = np.searchsorted(np.array(self.edges), values, side="right")
        unusable = ~np.isfinite(values)
        if unusable.any():
            codes[unusable] = MISSING
        return codes


class NewValues(Struct, frozen=True, tag="new"):
    """Two bins of numbers: values that the reference has, and new values.

    New is a value beyond the reference's range, or any other value if the reference has few distinct values.

    >>> NewValues.of(np.array([1.0, 2.0, 1.0] * 50)).codes(np.array([1.0, 1.5, 3.0, np.nan])).tolist()
    [0, 1, 1, -1]
    """

    low: float
    """Lowest known value."""
    high: float
    """Highest known value."""
    values: tuple[float, ...] = ()
    """The known values, ascending; empty if all values within the range are known."""

    @classmethod
    def of(cls, values: Floats) -> "NewValues":
        """Fit the bins.

        Args:
            values: The reference's values, all finite, of shape (rows,).
        """
        distinct = np.unique(values)
        few = tuple(distinct.tolist()) if _are_few(distinct, len(values)) else ()
        return cls(float(distinct[0]), float(distinct[-1]), few)

    def upwards(self) -> "NewValues":
        """Return bins in which only larger values are new, as for losses."""
        return NewValues(-np.inf, self.high)

    def far(self) -> "NewValues":
        """Return bins in which only values beyond the range by more than its width are new.

        >>> NewValues(0.0, 10.0).far().codes(np.array([-5.0, 19.0, 21.0])).tolist()
        [0, 0, 1]
        """
        width = self.high - self.low
        return NewValues(self.low - width, self.high + width)

    @staticmethod
    def quarters_agree(values: Floats) -> bool:
        """Whether no quarter of the rows has values that are far out for another quarter, as rain may be.

        Args:
            values: Values in order of time, of shape (rows,).

        >>> calm, rain = np.tile([0.0, 1.0, 2.0], 40), np.repeat([0.0, 3.0], 60)
        >>> NewValues.quarters_agree(calm), NewValues.quarters_agree(rain)
        (True, False)
        """
        quarters = [each[np.isfinite(each)] for each in np.array_split(values, _QUARTERS)]
        known = [NewValues(float(each.min()), float(each.max())).far() for each in quarters if len(each)]
        return not any(far.codes(values).max() > 0 for far in known)

    def codes(self, values: Floats) -> Codes:
        """Return 1 for a new value, 0 for a known one; `MISSING` for a value that is not finite.

        Args:
            values: Values of shape (rows,).
        """
        new = (values < self.low) | (values > self.high)
        if self.values:
            known = np.array(self.values)
            new |= known.take(np.searchsorted(known, values), mode="clip") != values
        codes = new.astype(np.intp)
        codes[~np.isfinite(values)] = MISSING
        return codes

    def cross_coded(self, values: Floats) -> Codes:
        """Return the codes of the reference's rows, where a value is new if the other half does not have it.

        Args:
            values: The reference's values in order of time, of shape (rows,).
        """
        halves = np.array_split(values, 2)
        known = [half[np.isfinite(half)] for half in halves]
        if not all(len(half) for half in known):
            return self.codes(values)
        first, second = (
            replace(self, low=max(self.low, half.min()), high=half.max(), values=self._among(half))
            for half in known
        )
        return np.concatenate((second.codes(halves[0]), first.codes(halves[1])))

    def _among(self, values: Floats) -> tuple[float, ...]:
        """Return the distinct values, if these bins know distinct values."""
        return tuple(np.unique(values).tolist()) if self.values else ()


def share_upper_bound(seen: float, rows: int) -> float:
    """Return Poisson's upper bound of a share, at most 0.5.

    Args:
        seen: Number of rows that belong to the share.
        rows: Number of all rows.

    >>> round(share_upper_bound(0, 1000), 4), round(share_upper_bound(100, 1000), 3)
    (0.0069, 0.135)
    """
    return min(0.5, float(gammaincinv(seen + 1, _SURE)) / max(1, rows))


def _are_few(distinct: Floats, rows: int) -> bool:
    """Whether each value can have a bin of its own."""
    return len(distinct) <= min(BINS, max(_BINS_MIN, rows // _ROWS_PER_BIN))


def shares(codes: Codes, count: int, unseen: float = 0.0) -> Floats:
    """Return each bin's share of the usable rows. Half a row is added to each, so that no share is 0.

    If the share of the last bin is below `unseen`, the difference is taken from the bin before it: rows of
    new categories are most like rows of rare ones.

    Args:
        codes: Bin of each row, of shape (rows,).
        count: Number of bins.
        unseen: Share of rows whose category the reference does not have.

    >>> shares(np.array([0, 0, 1, -1]), 3).round(2).tolist()
    [0.56, 0.33, 0.11]
    """
    counts = np.bincount(codes[codes >= 0], minlength=count) + 0.5
    moved = min(unseen * counts.sum(), counts[-2] - 0.5)
    counts[-1], counts[-2] = counts[-1] + moved, counts[-2] - moved
    smoothed: Floats = counts / counts.sum()
    return smoothed
