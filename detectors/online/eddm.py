"""EDDM: how far the distance between errors has fallen below its best."""

from math import sqrt

from watchkeeper.detectors.online.base import checked
from watchkeeper.detectors.online.stateful import Stateful


class Eddm(Stateful, kw_only=True):
    """Detects that errors have come closer together than at their best; a value of 0.5 or more is an error.

    With p the mean and s the standard deviation of the number of values from one error to the next, since the
    last alarm, it alarms at an error, after 30 values and 30 errors, at

        (p + 2 s) / max(p + 2 s) < beta.

    The default beta of 0.9 alarms every 1000 values on healthy data: use `calibrate`. A fall of the error
    rate is not detected. Defaults and alarms are those of river's EDDM.

    Paper: Baena-Garcia et al. (2006), Early drift detection method. Cost: 0.5 us per value, 5 floats of
    state.

    Args:
        beta: Share of the largest distance below which it alarms, 0 to 1.

    >>> detector = Eddm()
    >>> any(detector.update(value) for value in [0, 1, 0, 0, 0, 0, 0, 1] * 50), next(
    ...     n for n in range(1, 100) if detector.update(1))
    (False, 43)
    """

    beta: float = 0.9
    values: int = 0
    """State: the number of values since the last alarm."""
    errors: int = 0
    """State: the number of errors among them."""
    last: int = 0
    """State: the position of the last error."""
    mean: float = 0.0
    """State: the mean distance between errors, p, in values."""
    squares: float = 0.0
    """State: the sum of squared deviations of the distances from their mean."""
    best: float = -1.0
    """State: the largest p + 2 s."""

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self.score >= 1:
            self.reset()
        self.values += 1
        return value >= _ERROR and self._add(self.values - self.last)

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self.score, self.values, self.errors, self.last, self.mean, self.squares = 0.0, 0, 0, 0, 0.0, 0.0
        self.best = -1.0

    def _add(self, distance: int) -> bool:
        self.last = self.values
        self.errors += 1
        off = distance - self.mean
        self.mean += off / self.errors
        self.squares += off * (distance - self.mean)
        if self.values <= _WARM_UP:
            return False
        length = self.mean + 2 * sqrt(self.squares / max(self.errors - 1, 1))
        if length > self.best:
            self.best, self.score = length, 0.0
            return False
        return self.errors > _WARM_UP and self._judge(self.beta, length / self.best)


_ERROR = 0.5
"""The value from which on an outcome counts as an error."""
_WARM_UP = 30
"""Number of values, and of errors, without an alarm, as in the paper and in river."""
