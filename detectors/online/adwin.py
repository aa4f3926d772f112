"""ADWIN: a window that is cut where the means of its two parts differ too much."""

from math import log, sqrt

from msgspec import field

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful


class Adwin(Stateful, kw_only=True):
    """Detects a rise or fall of the mean against all values since the last alarm.

    The window is kept as sums of 1, 2, 4, ... values, at most 5 of each size. At every 32nd value the
    detector alarms if, for any cut between two sums,

        |mean of the older part - mean of the newer| > sqrt(2 m v L) + 2/3 m L,   L = ln(2 ln(n) / delta),

    with n the length of the window, v its variance and m = 1 / (n_old - 4) + 1 / (n_new - 4).

    Defaults and alarms are those of river's ADWIN.

    Paper: Bifet and Gavalda (2007), Learning from time-changing data with adaptive windowing.
    Cost: 2 us per value; 5 floats of state for each doubling of the window, at most 3 kB.

    Args:
        delta: Significance of one check; a smaller value alarms less often. `calibrate` also tries values
            above 1, which are no probability but still a threshold.
        clock: Number of values from one check to the next.

    >>> detector = Adwin()
    >>> any(detector.update(value) for value in [0.5, 0.4] * 50), next(
    ...     n for n in range(1, 100) if detector.update(0.9))
    (False, 60)
    """

    delta: float = 0.002
    clock: int = 32
    values: int = 0
    """State: the number of values in the window."""
    total: float = 0.0
    """State: the sum of the values in the window."""
    squares: float = 0.0
    """State: the sum of squared deviations from the window's mean."""
    sums: list[list[float]] = field(default_factory=lambda: [[]])
    """State: `sums[k]` holds the sums of 2**k values each, the oldest first."""

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self.score >= 1:
            self.reset()
        self._insert(value)
        if self.values % self.clock == 0 and self.values > _GRACE:
            self.score = self._largest_cut()
        return self.score >= 1

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self.score, self.values, self.total, self.squares, self.sums = 0.0, 0, 0.0, 0.0, [[]]

    def _insert(self, value: float) -> None:
        if self.values:
            off = value - self.total / self.values
            self.squares += off * off * self.values / (self.values + 1)
        self.values += 1
        self.total += value
        self.sums[0].append(value)
        for power, sums in enumerate(self.sums):
            if len(sums) <= _OF_A_SIZE:
                break
            if power + 1 == len(self.sums):
                self.sums.append([])
            self.sums[power + 1].append(sums[0] + sums[1])
            del sums[:2]

    def _largest_cut(self) -> float:
        """Return the largest difference of means over all cuts, as a share of the alarm threshold."""
        values, total = self.values, self.total
        log_term = log(2 * log(values) / self.delta)
        spread = 2 * self.squares / values * log_term
        largest, older, older_sum = 0.0, 0, 0.0
        for power in range(len(self.sums) - 1, -1, -1):
            for part in self.sums[power]:
                older += 1 << power
                older_sum += part
                newer = values - older
                if older >= _SHORTEST and newer >= _SHORTEST:
                    lengths = 1 / (older - _SHORTEST + 1) + 1 / (newer - _SHORTEST + 1)
                    off = abs(older_sum / older - (total - older_sum) / newer)
                    largest = max(largest, off / (sqrt(spread * lengths) + 2 / 3 * log_term * lengths))
        return largest


_OF_A_SIZE = 5
"""The most sums that are kept of each size, as in river."""
_SHORTEST = 5
"""Minimum number of values in either part of a cut, as in river."""
_GRACE = 10
"""The number of values up to which no cut is checked, as in river."""
