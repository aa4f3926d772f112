"""ADWIN: a window that is cut where the means of its two parts differ too much to be one mean."""

from math import log, sqrt

from msgspec import field

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful


class Adwin(Stateful, kw_only=True):
    """Detects a change of mean against all values since the last alarm, either way.

    The window is kept as sums of 1, 2, 4, ... values, at most 5 of a size. At every 32nd value it alarms if
    for any cut between two sums

        |mean of the older part - mean of the newer| > sqrt(2 m v L) + 2/3 m L,   L = ln(2 ln(n) / delta),

    with n the length of the window, v its variance and m = 1 / (n_old - 4) + 1 / (n_new - 4).

    Paper: Bifet and Gavalda (2007), Learning from time-changing data with adaptive windowing. Defaults and
    alarms are those of river's ADWIN. Cost: 2 us per value; 5 floats of state for each doubling of the
    window, at most 3 kB.

    >>> detector = Adwin()
    >>> any(detector.update(value) for value in [0.5, 0.4] * 50), next(
    ...     n for n in range(1, 100) if detector.update(0.9))
    (False, 60)
    """

    delta: float = 0.002
    clock: int = 32
    values: int = 0
    total: float = 0.0
    squares: float = 0.0
    """Sum of squared deviations from the mean."""
    sums: list[list[float]] = field(default_factory=lambda: [[]])
    """By the power of two of values that they are of, the oldest first."""

    def update(self, value: float) -> bool:
        """Take in the next value; return whether it raises the alarm."""
        checked(value)
        if self.score >= 1:
            self.reset()
        self._insert(value)
        if self.values % self.clock == 0 and self.values > _GRACE:
            self.score = self._largest_cut()
        return self.score >= 1

    def reset(self) -> None:
        """Forget all values."""
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
        """Return the largest difference of means as a share of what it may be."""
        values, total = self.values, self.total
        doubt = log(2 * log(values) / self.delta)
        spread = 2 * self.squares / values * doubt
        largest, older, older_sum = 0.0, 0, 0.0
        for power in range(len(self.sums) - 1, -1, -1):
            for part in self.sums[power]:
                older += 1 << power
                older_sum += part
                newer = values - older
                if older >= _SHORTEST and newer >= _SHORTEST:
                    lengths = 1 / (older - _SHORTEST + 1) + 1 / (newer - _SHORTEST + 1)
                    off = abs(older_sum / older - (total - older_sum) / newer)
                    largest = max(largest, off / (sqrt(spread * lengths) + 2 / 3 * doubt * lengths))
        return largest


_OF_A_SIZE = 5
_SHORTEST = 5
_GRACE = 10
