"""What is known of one feature over many rows, ready to be judged."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles import fixed_point
from watchkeeper.schemas.references import NumberBinning


@dataclass(frozen=True)
class NumberSummary:
    """One number over many rows."""

    rows: int
    wrong_type: int
    outside: int
    """Rows whose value is out of the declared range."""
    shape: NumberBinning
    bins: NDArray[np.int64]
    total: int
    squares: int
    lowest: float
    highest: float

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
        """Give the standard deviation of the values."""
        return fixed_point.deviation(self.usable, self.total, self.squares, self.shape.exponent)

    @property
    def constant(self) -> float | None:
        """Give the value if there is only one."""
        return self.lowest if self.usable and self.lowest == self.highest else None

    def counts_like(self, other: object) -> bool:
        """Whether the other's rows outside were told by the same range."""
        span = (self.shape.lowest, self.shape.highest)
        return isinstance(other, NumberSummary) and span == (other.shape.lowest, other.shape.highest)

    def quantile(self, share: float) -> float:
        """Read a quantile off the bins, spread evenly inside each; NaN when there are no values."""
        if not self.usable:
            return float("nan")
        points, below = self._curve
        return float(np.interp(share * self.usable, below, points))

    def below(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read off the bins what shares of the values lie below some others; there must be values."""
        points, below = self._curve
        shares: NDArray[np.float64] = (
            np.interp(values, points, below, left=0, right=self.usable) / self.usable
        )
        return shares

    @cached_property
    def _curve(self) -> tuple[list[float], list[int]]:
        """Give values from the lowest to the highest, and how many lie below each."""
        inner = [edge for edge in self.shape.edges if self.lowest < edge < self.highest]
        below = np.concatenate(([0], np.cumsum(self.bins)))
        edges = np.array([-np.inf, *self.shape.edges, np.inf])
        at = [0, *(int(below[np.searchsorted(edges, edge)]) for edge in inner), self.usable]
        return [self.lowest, *inner, self.highest], at


@dataclass(frozen=True)
class CategorySummary:
    """One category or boolean feature over many rows."""

    rows: int
    wrong_type: int
    known: dict[str, int]
    outside: int
    """Rows with an unseen category."""
    kept: dict[str, int]
    """Exact counts of at most 64 of the unseen categories."""

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
        """Whether the other's rows outside were told by the same known categories."""
        return isinstance(other, CategorySummary) and self.known.keys() == other.known.keys()

    def counts(self) -> dict[str, int]:
        """Count every category that is told apart."""
        return {**self.known, **self.kept}
