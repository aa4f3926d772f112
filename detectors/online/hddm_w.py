"""HDDM-W: exponentially weighted means before and after the best cut, by McDiarmid's bound."""

from math import inf, log, sqrt

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful


class HddmW(Stateful, kw_only=True):
    """Detects that the weighted mean of values in [0, 1] has risen above an earlier, lower one.

    Z is the exponentially weighted mean of all values since the last alarm, with weight w for the newest, and
    b = w^2 + (1 - w)^2 b, starting at 1, is the sum of its squared weights. The cut is where
    Z + sqrt(b ln(1 / confidence) / 2) was smallest. X is Z at the cut, Y the weighted mean since. It alarms
    at

        Y - X > sqrt((b_X + b_Y) ln(1 / confidence) / 2).

    Y weighs some 40 values, so small rises are never detected. A fall is not detected.
    Defaults and alarms are those of river's HDDMW.

    Paper: Frias-Blanco et al. (2014), Online and non-parametric drift detection methods based on Hoeffding's
    bounds. Cost: 1 us per value, 7 floats of state.

    Args:
        confidence: Significance of one comparison, 0 to 1; a smaller value alarms less often.
        weight: Weight of the newest value in the means, w, 0 to 1.

    >>> detector = HddmW()
    >>> any(detector.update(value) for value in [0.5, 0.4] * 50), next(
    ...     n for n in range(1, 100) if detector.update(1.0))
    (False, 32)
    """

    confidence: float = 0.001
    weight: float = 0.05
    values: int = 0
    """State: the number of values since the last alarm."""
    mean: float = 0.0
    """State: their weighted mean, Z."""
    bound: float = 1.0
    """State: the sum of the squared weights of Z, b."""
    lowest: float = inf
    """State: the smallest upper bound of Z, which marks the cut."""
    cut_mean: float = 0.0
    """State: Z at the cut, X."""
    cut_bound: float = 1.0
    """State: the sum of the squared weights of X."""
    since: int = 0
    """State: the number of values since the cut."""
    since_mean: float = 0.0
    """State: their weighted mean, Y."""
    since_bound: float = 1.0
    """State: the sum of the squared weights of Y."""

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self.score >= 1:
            self.reset()
        weight, keep = self.weight, (1 - self.weight) ** 2
        half = -log(self.confidence) / 2
        self.values += 1
        self.mean = weight * value + (1 - weight) * self.mean if self.values > 1 else value
        self.bound = weight * weight + keep * self.bound
        upper = self.mean + sqrt(self.bound * half)
        if upper < self.lowest:
            self.lowest, self.cut_mean, self.cut_bound = upper, self.mean, self.bound
            self.score, self.since, self.since_mean, self.since_bound = 0.0, 0, 0.0, 1.0
            return False
        self.since += 1
        self.since_mean = weight * value + (1 - weight) * self.since_mean if self.since > 1 else value
        self.since_bound = weight * weight + keep * self.since_bound
        return self._judge(self.since_mean - self.cut_mean, sqrt((self.cut_bound + self.since_bound) * half))

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self.score, self.values, self.mean, self.bound, self.lowest = 0.0, 0, 0.0, 1.0, inf
        self.cut_mean, self.cut_bound = 0.0, 1.0
        self.since, self.since_mean, self.since_bound = 0, 0.0, 1.0
