"""Watchkeeper's online detectors, fed with shares."""

from benchmarks.detection.contestant import Floats
from benchmarks.detection.shares import Shares
from detectors.online.registry import DETECTORS


class Shipped:
    """Feeds one of `DETECTORS`: those that learn are shown the reference, the others are told its mean."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def fit(self, reference: Floats) -> None:
        """Learn the reference."""
        self._shares = Shares(reference)
        values = self._shares.of(reference)
        self._detector = DETECTORS[self._kind].make(float(values.mean()), 0.0)
        if self._kind != "e_sr":
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
