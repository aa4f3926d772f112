"""The mean number of healthy rows to a false alarm."""

from collections.abc import Iterable
from typing import NamedTuple


class Arl(NamedTuple):
    """Number of healthy rows, and of alarms among them."""

    events: int = 0
    alarms: int = 0

    @property
    def rows(self) -> float:
        """Rows per alarm. Without any alarm, the number of rows, which is then a lower bound.

        >>> Arl(3000, 3).rows, Arl(3000, 0).rows
        (1000.0, 3000.0)
        """
        return self.events / max(self.alarms, 1)

    def enough(self, alarms: int, events: int) -> bool:
        """Whether at least `alarms` alarms or `events` rows have been counted."""
        return self.alarms >= alarms or self.events >= events


def measured(parts: Iterable[tuple[int, int]], alarms: int, events: int) -> Arl:
    """Sum (rows, alarms) of independent streams until either limit is reached.

    >>> measured([(100, 1), (100, 0), (100, 2), (100, 0)], alarms=3, events=1000)
    Arl(events=300, alarms=3)
    """
    arl = Arl()
    for rows, fired in parts:
        arl = Arl(arl.events + rows, arl.alarms + fired)
        if arl.enough(alarms, events):
            break
    return arl
