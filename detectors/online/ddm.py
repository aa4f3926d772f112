"""DDM: how far the error rate has risen above its best."""

from math import inf, sqrt

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful


class Ddm(Stateful, kw_only=True):
    """Detects that errors (value 1) have become more frequent than at their best.

    With p the share of errors since the last alarm and s = sqrt(p (1 - p) / n), and p_min and s_min the pair
    at which p + s was smallest, it alarms after 30 values at

        p + s > p_min + threshold s_min.

    Because p is the mean of all values, detection is slow after a long healthy stream. If there is no error
    among the first 30 values, the next error is an alarm. A fall is not detected.
    Defaults and alarms are those of river's DDM.

    Paper: Gama, Medas, Castillo and Rodrigues (2004), Learning with drift detection.
    Cost: 0.7 us per value, 4 floats of state.

    Args:
        threshold: Number of standard errors above the best error rate at which it alarms.

    >>> detector = Ddm()
    >>> any(detector.update(value) for value in [0, 1, 0, 0] * 50), next(
    ...     n for n in range(1, 100) if detector.update(1))
    (False, 18)
    """

    threshold: float = 3.0
    values: int = 0
    """State: the number of values since the last alarm."""
    mean: float = 0.0
    """State: the share of errors among them, p."""
    best_mean: float = 0.0
    """State: the error rate at its best, p_min."""
    best_error: float = inf
    """State: its standard error, s_min."""

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self.score >= 1:
            self.reset()
        self.values += 1
        self.mean += (value - self.mean) / self.values
        if self.values <= _WARM_UP:
            return False
        error = sqrt(max(self.mean * (1 - self.mean), 0.0) / self.values)
        if self.mean + error <= self.best_mean + self.best_error:
            self.best_mean, self.best_error = self.mean, error
        return self._judge(self.mean + error - self.best_mean, self.threshold * self.best_error)

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self.score, self.values, self.mean, self.best_mean, self.best_error = 0.0, 0, 0.0, 0.0, inf


_WARM_UP = 30
"""Number of values without an alarm, as in the paper and in river."""
