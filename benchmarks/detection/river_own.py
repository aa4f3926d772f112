"""River's own detectors with their default settings. They learn from the reference as from any input."""

from typing import Any

import numpy as np

from benchmarks.detection.contestant import Floats

_KSWIN_ROWS = 1000
"""Rows of the reference that KSWIN gets. It uses only the last 100 rows, and takes 155 us per row."""


class RiversOwn:
    """Passes values to river's detector unchanged. After a drift the detector resets itself.

    FHDDM gets 1 - error. Contrary to river's documentation it alarms when the mean falls, as in its paper,
    where the input is 1 for a correct answer.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def fit(self, reference: Floats) -> None:
        """Learn from the reference. Alarms on it are ignored."""
        self._detector = _make(self._name)
        self.alarms(reference[-_KSWIN_ROWS:] if self._name == "KSWIN" else reference, first_only=False)

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return the positions at which `drift_detected` was set."""
        detector, found = self._detector, []
        for position, value in enumerate((1 - values if self._name == "FHDDM" else values).tolist()):
            detector.update(value)
            if detector.drift_detected:
                found.append(position)
                if first_only:
                    break
        return found


def _make(name: str) -> Any:
    from river import drift
    from river.drift import binary

    if name == "KSWIN":
        return drift.KSWIN(seed=1)
    if name == TUNED:
        return drift.PageHinkley(mode="up", delta=0.02, threshold=16.5, alpha=1.0)
    return (getattr(drift, name, None) and getattr(drift, name)()) or getattr(binary, name)()


def takes(name: str, reference: Floats) -> bool:
    """Whether the detector supports the values. Those in `drift.binary` support only errors of 0 and 1."""
    return name in ("ADWIN", "PageHinkley", "KSWIN") or bool(np.isin(reference, (0, 1)).all())


TUNED = "PageHinkley, tuned"
"""Page-Hinkley tuned to a change from .10 to .15 at an ARL of 100,000. In practice the change is unknown."""
NAMES = ("ADWIN", "PageHinkley", "KSWIN", "DDM", "EDDM", "HDDMA", "HDDMW", "FHDDM", TUNED)
