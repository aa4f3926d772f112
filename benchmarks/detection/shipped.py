"""Watchkeeper's online detectors, fed with shares."""

from collections.abc import Callable

from benchmarks.detection.contestant import Floats
from benchmarks.detection.shares import Shares
from watchkeeper.detectors.online.base import Detector
from watchkeeper.detectors.online.calibration import calibrate
from watchkeeper.detectors.online.registry import DETECTORS

_TOLD = ("e_sr", "risk")
"""They are told the mean of the reference; the others learn it."""


class Shipped:
    """Feeds one of `DETECTORS`: those that learn are shown the reference, the others are told its mean."""

    def __init__(self, kind: str, make: Callable[[float], Detector], setting: str = "") -> None:
        self._kind, self._make = kind, make
        self.setting = setting

    def fit(self, reference: Floats) -> None:
        """Learn the reference."""
        self._shares = Shares(reference)
        self._detector = self._make(float(self._shares.of(reference).mean()))
        if self._kind not in _TOLD:
            self.alarms(reference, first_only=False)

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return where `update` said so."""
        update, found = self._detector.update, []
        for position, value in enumerate(self._shares.of(values).tolist()):
            if update(value):
                found.append(position)
                if first_only:
                    break
        return found


def with_defaults(kind: str) -> Shipped:
    """Return a detector as it comes."""
    return Shipped(kind, lambda baseline: DETECTORS[kind].make(baseline, 0.0))


def calibrated(kind: str, target: float, sample: Floats, effort: float) -> Shipped:
    """Return a detector whose threshold is calibrated to the target, once, on a sample of its own."""
    found = calibrate(kind, Shares(sample).of(sample), target, effort=effort)
    return Shipped(kind, found.make, str(found))
