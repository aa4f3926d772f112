"""River's own detectors with the settings they come with; they learn by being fed the reference."""

from typing import Any

import numpy as np

from benchmarks.detection.contestant import Floats

_KSWIN_ROWS = 1000
"""KSWIN looks at the last 100 rows only, at 155 us each: the whole reference would take 1.5 s a time."""


class RiversOwn:
    """Feeds river's detector with values as they are; after a drift it resets itself and learns anew.

    FHDDM, unlike what river's documentation says, alarms when the mean falls, as its paper has it for right
    answers: it is fed 1 - error.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def fit(self, reference: Floats) -> None:
        """Learn the reference, whatever is raised meanwhile."""
        self._detector = _make(self._name)
        self.alarms(reference[-_KSWIN_ROWS:] if self._name == "KSWIN" else reference, first_only=False)

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return where `drift_detected` was set."""
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
    """Whether the detector is meant for such values: those in `drift.binary` take wrong answers only."""
    return name in ("ADWIN", "PageHinkley", "KSWIN") or bool(np.isin(reference, (0, 1)).all())


TUNED = "PageHinkley, tuned"
"""To one change, from .10 to .15, at an ARL of 100,000: who knows that much seldom needs a detector."""
NAMES = ("ADWIN", "PageHinkley", "KSWIN", "DDM", "EDDM", "HDDMA", "HDDMW", "FHDDM", TUNED)
