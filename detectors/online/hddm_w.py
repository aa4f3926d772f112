"""HDDM-W: exponentially weighted means up to the best cut, and since, told apart by McDiarmid's bound."""

from math import inf, log, sqrt

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful


class HddmW(Stateful, kw_only=True):
    """Detects that the weighted mean of values in [0, 1] has risen above that of a time when it was lower.

    Z is the exponentially weighted mean of all values since the last alarm, with weight w = 0.05 for the
    newest, and b = w^2 + (1 - w)^2 b, from 1 on, the sum of its squared weights. The cut is where
    Z + sqrt(b ln(1 / confidence) / 2) was smallest; X is Z there, Y the weighted mean since, and it alarms at

        Y - X > sqrt((b_X + b_Y) ln(1 / confidence) / 2).

    As Y weighs some 40 values, small rises are never seen. A fall is not seen.

    Paper: Frias-Blanco et al. (2014), Online and non-parametric drift detection methods based on Hoeffding's
    bounds. Defaults and alarms are those of river's HDDMW. Cost: 1 us per value, 7 floats of state.

    >>> detector = HddmW()
    >>> any(detector.update(value) for value in [0.5, 0.4] * 50), next(
    ...     n for n in range(1, 100) if detector.update(1.0))
    (False, 32)
    """

    confidence: float = 0.001
    weight: float = 0.05
    values: int = 0
    mean: float = 0.0
    bound: float = 1.0
    lowest: float = inf
    cut_mean: float = 0.0
    cut_bound: float = 1.0
    since: int = 0
    since_mean: float = 0.0
    since_bound: float = 1.0

    def update(self, value: float) -> bool:
        """Take in the next value; return whether it raises the alarm."""
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
        """Forget all values."""
        self.score, self.values, self.mean, self.bound, self.lowest = 0.0, 0, 0.0, 1.0, inf
        self.cut_mean, self.cut_bound = 0.0, 1.0
        self.since, self.since_mean, self.since_bound = 0, 0.0, 1.0
