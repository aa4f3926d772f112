"""The result of a measure of drift."""

from math import sqrt
from typing import NamedTuple

LEVEL = 0.95
"""Confidence of the interval of a measure, if rows are independent."""
Z = 1.959964
"""Number of standard errors to either side of a normal interval of confidence `LEVEL`."""


class Measure(NamedTuple):
    """How far two distributions lie apart, and how probable that is without drift."""

    statistic: float
    """The distance or divergence as it is usually defined."""
    p_value: float | None = None
    """The probability of at least this statistic without drift."""
    expected: float = 0.0
    """The average of the statistic without drift."""
    effect: float = 0.0
    """The size of the difference without the part of chance: the same for few rows and for many."""
    lower: float = 0.0
    """The lower end of the effect's interval, at `LEVEL`."""
    upper: float = 0.0
    """The upper end of the effect's interval."""

    @property
    def excess(self) -> float:
        """Give the statistic less its average without drift."""
        return self.statistic - self.expected


NO_DRIFT = Measure(0.0, 1.0)
"""The measure where all rows are in one bin."""


def root_of(square: float, chance: float) -> float:
    """Subtract from a squared distance its average without drift, and give the distance.

    Args:
        square: The squared distance.
        chance: The average of the squared distance without drift.

    >>> root_of(0.25, 0.09), root_of(0.01, 0.09)
    (0.4, 0.0)
    """
    return sqrt(max(0.0, square - chance))
