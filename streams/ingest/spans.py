"""When panes start, end and close, while the durations of a subject's monitor change with time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor, WindowsSection
from watchkeeper.streams.config.timeline import Timeline

Times = NDArray[np.int64]
AHEAD_MS = milliseconds(WindowsSection().ahead)
"""How far an event may be ahead if no monitor says so: the default of `windows.ahead`."""


class PaneDurations(NamedTuple):
    """The durations of one monitor, in milliseconds."""

    pane_ms: int
    lateness_ms: int
    label_ms: int
    """How long a prediction waits for its label; 0 if no label is expected."""
    ahead_ms: int = AHEAD_MS
    """How far an event's time may be ahead of the time at which it was appended."""

    @classmethod
    def of(cls, monitor: Monitor) -> "PaneDurations":
        """Read the durations of a monitor."""
        windows, labels = monitor.windows, monitor.labels
        label_ms = milliseconds(labels.expected_within) if labels else 0
        pane_ms, lateness_ms, ahead_ms = map(milliseconds, (windows.pane, windows.lateness, windows.ahead))
        return cls(pane_ms, lateness_ms, label_ms, ahead_ms)

    def due_ms(self, time_ms: int) -> int:
        """Return the event time at which a time's pane closes: the pane's end plus the allowed lateness."""
        return time_ms // self.pane_ms * self.pane_ms + self.pane_ms + self.lateness_ms


class PaneGrid:
    """The panes of one subject. A pane follows the durations that are in force at its start.

    >>> grid = PaneGrid(Timeline(PaneDurations(10, 5, 0), (40, PaneDurations(20, 0, 0))))
    >>> grid.starts(np.array([31, 39, 40, 59])).tolist()
    [30, 30, 40, 40]
    >>> [grid.closed_to(reached_ms) for reached_ms in (44, 45, 60)]
    [30, 40, 60]
    """

    def __init__(self, spans: Timeline[PaneDurations]) -> None:
        self.spans = spans
        # One value per revision, so that an array of indices selects the value in force at each time.
        self._pane_ms = np.array([each.pane_ms for each in spans.history], dtype=np.int64)
        self._lateness_ms = np.array([each.lateness_ms for each in spans.history], dtype=np.int64)
        self._ahead_ms = np.array([each.ahead_ms for each in spans.history], dtype=np.int64)

    def start(self, time_ms: int) -> int:
        """Return the start of a time's pane."""
        return int(self.starts(np.array([time_ms], dtype=np.int64))[0])

    def starts(self, times: Times) -> Times:
        """Return the start of each time's pane."""
        pane_ms = self._pane_ms[self.spans.indices(times)]
        starts: Times = times // pane_ms * pane_ms
        return starts

    def ends(self, starts: Times) -> Times:
        """Return the ends of the panes with these starts."""
        ends: Times = starts + self._pane_ms[self.spans.indices(starts)]
        return ends

    def due(self, starts: Times) -> Times:
        """Return the event times at which the panes with these starts close: their ends plus the lateness."""
        at = self.spans.indices(starts)
        due: Times = starts + (self._pane_ms[at] + self._lateness_ms[at])
        return due

    def ahead_ms(self, times: Times) -> Times:
        """Return how far events of these times may be ahead of the time at which they were appended."""
        ahead_ms: Times = self._ahead_ms[self.spans.indices(times)]
        return ahead_ms

    def closed_to(self, reached_ms: int) -> int:
        """Return the end of the last pane that is closed once event time has reached `reached_ms`."""
        revisions = self.spans.revisions
        at = len(revisions) - 1
        while at and reached_ms - revisions[at - 1].value.lateness_ms < revisions[at].from_ms:
            at -= 1
        spans, from_ms, _ = revisions[at]
        return max((reached_ms - spans.lateness_ms) // spans.pane_ms * spans.pane_ms, from_ms)
