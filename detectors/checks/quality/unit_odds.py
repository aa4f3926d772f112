"""The odds that a number was converted, against that it changed by itself."""

from math import exp, hypot, log, pi, sqrt
from typing import Protocol

from watchkeeper.detectors.checks.quality.units import Conversion
from watchkeeper.detectors.profiles.steps import Step
from watchkeeper.detectors.profiles.summaries import NumberSummary

_FURTHEST = 3.0
"""Distance of the furthest of many windows from an ordinary one, in standard errors. Chosen by hand."""
_VARIES_MAX = 100.0
"""The largest ratio of windows' deviations that is used; larger ones carry no information. Chosen by hand."""
_SCALED = 0.25
"""Prior share of changes by themselves that multiply all values; the others move the mean. Chosen by hand."""
_LOG_SCALE = 0.5
"""Standard deviation of the logarithm of such a factor. Chosen by hand."""
_LOG_DEVIATION = 0.3
"""Standard deviation of the logarithm of the deviation's change where the mean moved. Chosen by hand."""
_TINY = 1e-300
"""The smallest density and deviation, so that no division is by 0."""


class SampleMoments(Protocol):
    """The number of rows, the mean and the standard deviation of a sample."""

    @property
    def usable(self) -> float: ...  # noqa: D102
    @property
    def mean(self) -> float: ...  # noqa: D102
    @property
    def sd(self) -> float: ...  # noqa: D102


class UnitOdds:
    """Compares the densities of a window's mean and deviation after a conversion and after another change.

    The uncertainty of the mean, and of the logarithm of the deviation, is the ordinary variability of
    windows, and at least the sampling error of their rows.

    Args:
        now: The rows that may have been converted; their deviation is above 0.
        past: The recent windows; their deviation is above 0.
        step: The ordinary step between a window and the windows before it.

    >>> from types import SimpleNamespace
    >>> def rows(mean, sd):
    ...     return SimpleNamespace(usable=400, mean=mean, sd=sd)
    >>> miles_to_km, step = Conversion("mi to km", 1.609344, 0.0, "length"), Step(0.2, 0.9, 1.1)
    >>> bool(UnitOdds(rows(16.1, 1.6), rows(10.0, 1.0), step).of(miles_to_km, 10) > 1)
    True
    >>> bool(UnitOdds(rows(16.1, 1.0), rows(10.0, 1.0), step).of(miles_to_km, 10) > 1)  # it moved
    False
    """

    def __init__(self, now: SampleMoments, past: NumberSummary, step: Step) -> None:
        self._now, self._past = now, past
        rows = sqrt(1 / now.usable + 1 / past.usable)
        least = max(step.ratio_min, step.ratio_max / _VARIES_MAX)
        self._of_mean = max(step.jump_max / _FURTHEST, past.sd * rows)
        self._of_deviation = max(log(step.ratio_max / least) / (2 * _FURTHEST), rows)
        self._log_ordinary = (log(least) + log(step.ratio_max)) / 2 + log(past.sd)

    def of(self, conversion: Conversion, of_how_many: int) -> float:
        """Give the odds of a conversion against a change of the number by itself.

        Args:
            conversion: The conversion.
            of_how_many: Number of conversions that are equally likely beforehand.
        """
        factor = abs(conversion.factor)
        off = self._now.mean - conversion.apply(self._past.mean)
        converted = _normal(off, factor * self._of_mean, self._now.sd) * self._deviates(log(factor))
        by_itself = _SCALED * self._scaled() + (1 - _SCALED) * self._moved()
        return converted / of_how_many / max(by_itself, _TINY)

    def _scaled(self) -> float:
        """Give the density if all values were multiplied by a factor near 1, on a logarithmic scale."""
        mean, before = self._now.mean, self._past.mean
        if not mean or not before or (mean > 0) != (before > 0):
            return 0.0
        log_factor = log(abs(mean)) - log(abs(before))
        spread = hypot(_LOG_SCALE, self._of_mean / before)
        return _normal(log_factor, spread, self._now.sd / abs(mean)) * self._deviates(log_factor)

    def _moved(self) -> float:
        """Give the density if the mean moved by some deviations (Cauchy) and the deviation changed freely."""
        width = max(self._past.sd, self._of_mean)
        off = (self._now.mean - self._past.mean) / width
        density = self._now.sd / width / (pi * (1 + off * off))
        return density * self._deviates(0.0, _LOG_DEVIATION)

    def _deviates(self, log_factor: float, more: float = 0.0) -> float:
        off = log(self._now.sd) - log_factor - self._log_ordinary
        return _normal(off, hypot(self._of_deviation, more))


def _normal(off: float, deviation: float, unit: float = 1.0) -> float:
    """Give the normal density at a distance, per unit."""
    deviation = max(deviation, _TINY)
    z = off / deviation  # its square may be infinite
    return unit / deviation * exp(-z * z / 2) / sqrt(2 * pi)
