"""HDDM-A: the mean up to the best cut against the mean of all values, by Hoeffding's bound."""

from math import log, sqrt

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful


class HddmA(Stateful, kw_only=True):
    """Detects that the mean of values in [0, 1] has risen above an earlier, lower mean.

    With z the mean of all n values since the last alarm, and x the mean of the first k, where k is the last
    position at which x + sqrt(ln(1 / confidence) / 2 k) was smallest, it alarms at

        z - x >= sqrt((n - k) / (k n) / 2 ln(2 / confidence)).

    The bound holds for each cut alone, for independent values of any distribution. A fall is not detected.
    Defaults and alarms are those of river's HDDMA.

    Paper: Frias-Blanco et al. (2014), Online and non-parametric drift detection methods based on Hoeffding's
    bounds. Cost: 1 us per value, 4 floats of state.

    Args:
        confidence: Significance of one comparison, 0 to 1; a smaller value alarms less often.

    >>> detector = HddmA()
    >>> any(detector.update(value) for value in [0.5, 0.4] * 50), next(
    ...     n for n in range(1, 100) if detector.update(0.9))
    (False, 24)
    """

    confidence: float = 0.001
    values: int = 0
    """State: the number of values since the last alarm, n."""
    mean: float = 0.0
    """State: their mean, z."""
    cut: int = 0
    """State: the number of values before the cut, k; 0 before there is a cut."""
    cut_mean: float = 0.0
    """State: the mean of the values before the cut, x."""

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self.score >= 1:
            self.reset()
        self.values += 1
        self.mean += (value - self.mean) / self.values
        half = -log(self.confidence) / 2
        if not self.cut or self.cut_mean + sqrt(half / self.cut) >= self.mean + sqrt(half / self.values):
            self.cut, self.cut_mean, self.score = self.values, self.mean, 0.0
            return False
        lengths = (self.values - self.cut) / (self.cut * self.values)
        return self._judge(self.mean - self.cut_mean, sqrt(lengths / 2 * log(2 / self.confidence)))

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self.score, self.values, self.mean, self.cut, self.cut_mean = 0.0, 0, 0.0, 0, 0.0
