"""The project's own engine: one configuration for all streams."""

import numpy as np

from benchmarks.detection.contestant import Floats
from watchkeeper.detectors import Sentinel

CALIBRATED = 0.62
"""The engine promises at least its budget; with this share of a target it measures about the target."""


class Engine:
    """`Sentinel` on a column of values: of errors where they are 0 and 1, else of numbers."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._next_ms: int | None = None
        self._every_ms = 0

    def clock(self, start_ms: int, every_ms: int) -> None:
        """Take in the times of rows."""
        self._next_ms, self._every_ms = start_ms, every_ms

    def fit(self, reference: Floats) -> None:
        """Fit the reference, with its times if it has any."""
        rows = self._rows(reference)
        losses = ("value",) if set(np.unique(reference)) <= {0.0, 1.0} else ()
        self._sentinel = Sentinel.fit(rows, per=self._budget, losses=losses, after="restart")
        self._sentinel.update(rows)  # the others have run over the reference, too
        self._played = len(reference)

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return where it alarmed."""
        found: list[int] = []
        before = self._played
        for chunk in np.split(values, range(4096, len(values), 4096)):
            found += [alarm.row - before for alarm in self._sentinel.update(self._rows(chunk))]
            self._played += len(chunk)
            if first_only and found:
                return found[:1]
        return found

    def _rows(self, values: Floats) -> dict[str, object]:
        if self._next_ms is None:
            return {"value": values}
        times = self._next_ms + np.arange(len(values)) * self._every_ms
        self._next_ms += len(values) * self._every_ms
        return {"value": values, "at": times.astype("datetime64[ms]")}
