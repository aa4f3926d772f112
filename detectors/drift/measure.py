"""What a measure of drift answers."""

from typing import NamedTuple

ROWS_MIN = 30
"""With fewer rows on either side nothing is said."""


class Measure(NamedTuple):
    """How far two distributions lie apart, and how often chance alone takes them as far."""

    statistic: float
    p_value: float | None = None
    expected: float = 0.0
    """What the statistic is on average when nothing has drifted."""

    @property
    def excess(self) -> float:
        """Give what the statistic is above its average without drift."""
        return self.statistic - self.expected
