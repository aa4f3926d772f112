"""What a measure of drift answers."""

from math import sqrt
from typing import NamedTuple

LEVEL = 0.95
"""How often at least the interval of a measure holds what it is about, when rows are independent."""
Z = 1.959964
"""So many standard errors to either side make an interval of that level."""


class Measure(NamedTuple):
    """How far two distributions lie apart, and how often chance alone takes them as far."""

    statistic: float
    p_value: float | None = None
    expected: float = 0.0
    """What the statistic is on average when nothing has drifted."""
    effect: float = 0.0
    """The size of the difference with what chance adds taken off: the same for few rows and for many."""
    lower: float = 0.0
    upper: float = 0.0
    """Between these the effect lies, at `LEVEL`."""

    @property
    def excess(self) -> float:
        """Give what the statistic is above its average without drift."""
        return self.statistic - self.expected


NO_DRIFT = Measure(0.0, 1.0)
"""The answer where all rows are in one bin."""


def root_of(square: float, chance: float) -> float:
    """Take off a squared distance what chance adds to it on average, and give the distance.

    >>> root_of(0.25, 0.09), root_of(0.01, 0.09)
    (0.4, 0.0)
    """
    return sqrt(max(0.0, square - chance))
