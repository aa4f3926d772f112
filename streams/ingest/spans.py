"""The durations of a subject's monitor, and which hold where when they change."""

from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.state import BEGINNING_MS

Times = NDArray[np.int64]


class PaneDurations(NamedTuple):
    """The monitor's durations in milliseconds, for panes from `from_ms` on; `before` has those before.

    >>> spans = PaneDurations(20, 0, 0, from_ms=40, before=PaneDurations(10, 5, 0))
    >>> spans.starts(np.array([31, 39, 40, 59])).tolist()
    [30, 30, 40, 40]
    >>> [spans.closed_to(reached_ms) for reached_ms in (44, 45, 60)]
    [30, 40, 60]
    """

    pane_ms: int
    lateness_ms: int
    label_ms: int
    """How long a prediction waits for its label; 0 where none is expected."""
    from_ms: int = BEGINNING_MS
    before: "PaneDurations | None" = None

    @classmethod
    def of(cls, monitor: Monitor, from_ms: int, before: "PaneDurations | None") -> "PaneDurations":
        """Read them off a monitor that is in force from a time on."""
        windows, labels = monitor.windows, monitor.labels
        within = labels.expected_within if labels else timedelta(0)
        return cls(_ms(windows.pane), _ms(windows.lateness), _ms(within), from_ms, before)

    def at(self, time_ms: int) -> "PaneDurations":
        """Return those that hold for the pane that starts at a time."""
        found = self
        while found.before is not None and time_ms < found.from_ms:
            found = found.before
        return found

    def starts(self, times: Times) -> Times:
        """Return the start of each time's pane."""
        starts: Times = times // self.pane_ms * self.pane_ms
        if self.before is None or (alike := times >= self.from_ms).all():
            return starts
        return np.where(alike, starts, self.before.starts(times))

    def ends(self, starts: Times) -> Times:
        """Return the ends of panes."""
        ends: Times = starts + self.pane_ms
        if self.before is None or (alike := starts >= self.from_ms).all():
            return ends
        return np.where(alike, ends, self.before.ends(starts))

    def due(self, starts: Times) -> Times:
        """Return how far event time has come when panes close: their ends and the allowed lateness."""
        due: Times = starts + (self.pane_ms + self.lateness_ms)
        if self.before is None or (alike := starts >= self.from_ms).all():
            return due
        return np.where(alike, due, self.before.due(starts))

    def due_ms(self, time_ms: int) -> int:
        """Return the same for the pane that holds a time at which these hold."""
        return time_ms // self.pane_ms * self.pane_ms + self.pane_ms + self.lateness_ms

    def closed_to(self, reached_ms: int) -> int:
        """Return the end of the last pane that is closed once event time has come so far."""
        if self.before is not None and reached_ms - self.before.lateness_ms < self.from_ms:
            return self.before.closed_to(reached_ms)
        return max((reached_ms - self.lateness_ms) // self.pane_ms * self.pane_ms, self.from_ms)


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
