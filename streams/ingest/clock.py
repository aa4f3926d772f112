"""The event time that a subject's events of one kind have reached in a partition, and the closed panes."""

from datetime import datetime

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.ingest.spans import PaneGrid, Times


class Clock(Struct):
    """The latest event time so far, and the end of the last closed pane.

    A row is late if earlier rows have closed its pane. The split into chunks makes no difference.

    >>> from watchkeeper.streams.config.timeline import Timeline
    >>> from watchkeeper.streams.ingest.spans import PaneDurations
    >>> panes = PaneGrid(Timeline(PaneDurations(pane_ms=100, lateness_ms=500, label_ms=0)))
    >>> Clock().late(np.array([0, 700, 100, 200]), panes)[0].tolist()
    [False, False, True, False]
    """

    latest_ms: int = BEGINNING_MS
    """The latest event time so far."""
    before_ms: int = BEGINNING_MS
    """The value of `latest_ms` before the last chunk."""
    closed_ms: int = BEGINNING_MS
    """Panes that end at or before this are closed."""
    sent_ms: int = field(default=BEGINNING_MS, name="told_ms")
    """The last `closed_ms` that was sent to evaluate."""
    seen_ms: int = BEGINNING_MS
    """The time of the last rows, by the worker's clock."""
    idle: bool = False
    """Whether evaluate was notified that the subject is idle."""

    def late(
        self, times: Times, panes: PaneGrid, reach: Times | None = None
    ) -> tuple[NDArray[np.bool_], Times]:
        """Advance the clock; return which rows are late, and the start of the pane that counts each row.

        Args:
            times: The event times of the rows, in the order of arrival.
            panes: The panes.
            reach: How far each row moves the clock, if that is not always its time.
        """
        running = self._running(times if reach is None else reach)
        starts = panes.starts(times)
        late = (panes.due(starts) <= running[:-1]) | (panes.ends(starts) <= self.closed_ms)
        # The pane of a late row is closed. The row is counted in the pane that was open when it arrived.
        open_ms = np.maximum(panes.starts(running[:-1]), self.closed_ms)
        self.before_ms, self.latest_ms = self.latest_ms, int(running[-1])
        return late, np.where(late, open_ms, starts)

    def _running(self, reach: Times) -> Times:
        """Return the latest event time before each row, and after the last."""
        running: Times = np.maximum.accumulate(np.concatenate(([self.latest_ms], reach)))
        return running

    def late_by_clock(self, times: Times, panes: PaneGrid, reach: Times | None = None) -> NDArray[np.intp]:
        """Return which rows are late only because the wall clock closed their pane. Call it before `late`."""
        if self.closed_ms <= panes.closed_to(self.latest_ms):
            return np.array([], dtype=np.intp)
        running = self._running(times if reach is None else reach)[:-1]
        starts = panes.starts(times)
        return np.flatnonzero((panes.due(starts) > running) & (panes.ends(starts) <= self.closed_ms))

    def see(self, now_ms: int) -> bool:
        """Record that rows arrived at `now_ms`; return whether the subject was idle."""
        was_idle, self.idle, self.seen_ms = self.idle, False, now_ms
        return was_idle

    def advance(self, closed_ms: int) -> None:
        """Close the panes that end at or before a time, which must be the end of a pane."""
        self.closed_ms = max(self.closed_ms, closed_ms)


def time_ms(time: datetime | int) -> int:
    """Return a time as whole milliseconds since 1970.

    >>> from datetime import UTC
    >>> time_ms(datetime(2026, 1, 1, tzinfo=UTC)), time_ms(5)
    (1767225600000, 5)
    """
    return time if isinstance(time, int) else round(time.timestamp() * 1000)
