"""Watchkeeper's online detectors, on values mapped to [0, 1]."""

from collections.abc import Callable

from benchmarks.detection.contestant import Floats
from benchmarks.detection.shares import Shares
from watchkeeper.detectors.online.base import Detector
from watchkeeper.detectors.online.calibration import calibrate
from watchkeeper.detectors.online.registry import DETECTORS

_WITH_BASELINE = ("e_sr", "risk")
"""Detectors that take the mean of the reference as a parameter. The others learn it."""


class Shipped:
    """Runs one of `DETECTORS`. It gets the mean of the reference, or learns from the reference."""

    def __init__(self, kind: str, make: Callable[[float], Detector], setting: str = "") -> None:
        self._kind, self._make = kind, make
        self.setting = setting

    def fit(self, reference: Floats) -> None:
        """Learn from the reference."""
        self._shares = Shares(reference)
        self._detector = self._make(float(self._shares.of(reference).mean()))
        if self._kind not in _WITH_BASELINE:
            self.alarms(reference, first_only=False)

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return the positions at which `update` reported an alarm."""
        update, found = self._detector.update, []
        for position, value in enumerate(self._shares.of(values).tolist()):
            if update(value):
                found.append(position)
                if first_only:
                    break
        return found


def with_defaults(kind: str) -> Shipped:
    """Return a detector with its default settings."""
    return Shipped(kind, lambda baseline: DETECTORS[kind].make(baseline, 0.0))


def calibrated(kind: str, target: float, sample: Floats, effort: float) -> Shipped:
    """Return a detector whose threshold is calibrated to the target once, on a separate sample."""
    found = calibrate(kind, Shares(sample).of(sample), target, effort=effort)
    return Shipped(kind, found.make, str(found))
