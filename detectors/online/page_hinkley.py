"""Page-Hinkley: how far the sum of deviations from the running mean has come from its extreme."""

from math import inf

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful


class PageHinkley(Stateful, kw_only=True):
    """Detects a rise or fall of the mean against the mean of all values since the last alarm.

        U_n = a U_{n-1} + x_n - mean_n - delta,    alarm at U_n - min U > threshold for a rise,
        D_n = a D_{n-1} + x_n - mean_n + delta,    alarm at max D - D_n > threshold for a fall,

    with a the memory, from the 30th value on. It guarantees nothing about false alarms: the default threshold
    of 50 never alarms on some signals and always on others. Use `calibrate`.
    Defaults and alarms are those of river's PageHinkley.

    Paper: Page (1954), Continuous inspection schemes. Cost: 0.8 us per value, 6 floats of state.

    Args:
        delta: Deviation from the mean that does not count, in units of the values.
        threshold: Sum of deviations above which it alarms, in units of the values.
        memory: Share of the sum that is kept from one value to the next, a, 0 to 1.

    >>> detector = PageHinkley(threshold=5.0)
    >>> any(detector.update(value) for value in [0.5, 0.4] * 50), next(
    ...     n for n in range(1, 100) if detector.update(0.9))
    (False, 12)
    """

    delta: float = 0.005
    threshold: float = 50.0
    memory: float = 0.9999
    values: int = 0
    """State: the number of values since the last alarm."""
    mean: float = 0.0
    """State: their mean."""
    up: float = 0.0
    """State: the sum for a rise, U."""
    down: float = 0.0
    """State: the sum for a fall, D."""
    lowest: float = inf
    """State: the lowest U since the last alarm."""
    highest: float = -inf
    """State: the highest D since the last alarm."""

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self.score >= 1:
            self.reset()
        self.values += 1
        self.mean += (value - self.mean) / self.values
        off = value - self.mean
        self.up = self.memory * self.up + off - self.delta
        self.down = self.memory * self.down + off + self.delta
        self.lowest = min(self.lowest, self.up)
        self.highest = max(self.highest, self.down)
        if self.values < _WARM_UP:
            return False
        return self._judge(max(self.up - self.lowest, self.highest - self.down), self.threshold)

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self.score, self.values, self.mean, self.up, self.down = 0.0, 0, 0.0, 0.0, 0.0
        self.lowest, self.highest = inf, -inf


_WARM_UP = 30
"""The value from which on it can alarm, as in river."""
