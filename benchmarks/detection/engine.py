"""The project's own engine: one configuration for all streams."""

import numpy as np

from benchmarks.detection.contestant import Floats
from watchkeeper.detectors import Sentinel

CALIBRATED = 0.62
"""Share of the target to request, so that the measured ARL is about the target.

The engine guarantees at least the requested ARL, and usually exceeds it.
"""


class Engine:
    """`Sentinel` on one column: as losses if all values are 0 or 1, else as numbers."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._next_ms: int | None = None
        self._every_ms = 0

    def clock(self, start_ms: int, every_ms: int) -> None:
        """Set the times of rows."""
        self._next_ms, self._every_ms = start_ms, every_ms

    def fit(self, reference: Floats) -> None:
        """Fit the reference, with its times if the stream has any."""
        rows = self._rows(reference)
        losses = ("value",) if set(np.unique(reference)) <= {0.0, 1.0} else ()
        self._sentinel = Sentinel.fit(rows, per=self._budget, losses=losses, after="restart")
        self._sentinel.update(rows)  # the other contestants run over the reference too
        self._played = len(reference)

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return the positions of alarms."""
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
