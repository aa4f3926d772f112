"""Summaries of one feature over many rows, as the checks use them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles import fixed_point
from watchkeeper.schemas.profiles import CategoryCounts, NumberCounts
from watchkeeper.schemas.references import NumberBinning


@dataclass(frozen=True)
class NumberSummary:
    """One number over many rows."""

    rows: int
    """The number of rows."""
    wrong_type: int
    """The number of rows with a value of a wrong type."""
    outside: int
    """The number of rows whose value is out of the declared range."""
    shape: NumberBinning
    """The bins, and the grid of the sums."""
    bins: NDArray[np.int64]
    """The number of rows in each bin, shape (bins,)."""
    total: int
    """The sum of the values' steps from the centre, on the grid of `fixed_point.py`."""
    squares: int
    """The sum of the squared steps."""
    lowest: float
    """The smallest value."""
    highest: float
    """The largest value."""

    @cached_property
    def usable(self) -> int:
        """Count the rows that have a value."""
        return int(self.bins.sum())

    @property
    def missing(self) -> int:
        """Count the rows where the value was absent or null."""
        return max(0, self.rows - self.usable - self.wrong_type)

    @property
    def mean(self) -> float:
        """Give the mean of the values; NaN when there are none."""
        if not self.usable:
            return float("nan")
        return fixed_point.mean(self.usable, self.total, self.shape.centre, self.shape.exponent)

    @property
    def sd(self) -> float:
        """Give the standard deviation of the values; 0 for fewer than two."""
        return fixed_point.deviation(self.usable, self.total, self.squares, self.shape.exponent)

    @property
    def constant(self) -> float | None:
        """Give the value if there is only one."""
        return self.lowest if self.usable and self.lowest == self.highest else None

    def counts_like(self, other: object) -> bool:
        """Whether the other summary counted rows out of the same range.

        Args:
            other: The other summary.
        """
        span = (self.shape.lowest, self.shape.highest)
        return isinstance(other, NumberSummary) and span == (other.shape.lowest, other.shape.highest)

    def to_wire(self) -> NumberCounts:
        """Give the counts as they are published."""
        return NumberCounts(
            bins=self.bins.tolist(),
            wrong_type=self.wrong_type,
            out_of_range=self.outside,
            total=fixed_point.pack(self.total),
            squares=fixed_point.pack(self.squares),
            lowest=self.lowest if self.usable else None,
            highest=self.highest if self.usable else None,
        )

    def quantile(self, share: float) -> float:
        """Interpolate a quantile from the bins; NaN without values.

        Args:
            share: The share of the values below it, 0 to 1.
        """
        if not self.usable:
            return float("nan")
        points, below = self._curve
        return float(np.interp(share * self.usable, below, points))

    def below(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolate from the bins the share of the values below some others; there must be values.

        Args:
            values: The other values, shape (values,).

        Returns:
            The shares, 0 to 1, of the same shape.
        """
        points, below = self._curve
        shares: NDArray[np.float64] = (
            np.interp(values, points, below, left=0, right=self.usable) / self.usable
        )
        return shares

    @cached_property
    def _curve(self) -> tuple[list[float], list[int]]:
        """Give values from the lowest to the highest, and the number of rows below each."""
        inner = [edge for edge in self.shape.edges if self.lowest < edge < self.highest]
        below = np.concatenate(([0], np.cumsum(self.bins)))
        edges = np.array([-np.inf, *self.shape.edges, np.inf])
        at = [0, *(int(below[np.searchsorted(edges, edge)]) for edge in inner), self.usable]
        return [self.lowest, *inner, self.highest], at


@dataclass(frozen=True)
class CategorySummary:
    """One category or boolean feature over many rows."""

    rows: int
    """The number of rows."""
    wrong_type: int
    """The number of rows with a value of a wrong type."""
    known: dict[str, int]
    """The number of rows of each known category."""
    outside: int
    """The number of rows with an unseen category."""
    kept: dict[str, int]
    """The exact number of rows of at most 64 unseen categories."""

    @property
    def usable(self) -> int:
        """Count the rows that have a category."""
        return sum(self.known.values()) + self.outside

    @property
    def missing(self) -> int:
        """Count the rows where the category was absent or null."""
        return max(0, self.rows - self.usable - self.wrong_type)

    @property
    def constant(self) -> str | None:
        """Give the category if there is only one."""
        seen = [category for category, count in self.counts().items() if count]
        return seen[0] if len(seen) == 1 and self.counts()[seen[0]] == self.usable else None

    def counts_like(self, other: object) -> bool:
        """Whether the other summary knew the same categories.

        Args:
            other: The other summary.
        """
        return isinstance(other, CategorySummary) and self.known.keys() == other.known.keys()

    def to_wire(self) -> CategoryCounts:
        """Give the counts as they are published."""
        return CategoryCounts(
            known=list(self.known.values()),
            wrong_type=self.wrong_type,
            unseen=self.outside,
            kept=self.kept,
        )

    def counts(self) -> dict[str, int]:
        """Give the number of rows of each category that has a count of its own."""
        return {**self.known, **self.kept}
