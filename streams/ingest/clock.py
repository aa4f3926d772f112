"""Event time of one subject's events of one kind in one partition, and which panes it has closed."""

from datetime import datetime

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.ingest.spans import PaneGrid


class Clock(Struct):
    """The highest event time seen, and the end of the last pane that is closed for good.

    A row is late if the rows before it have closed its pane. How they came in chunks makes no difference.

    >>> from watchkeeper.streams.config.timeline import Timeline
    >>> from watchkeeper.streams.ingest.spans import PaneDurations
    >>> panes = PaneGrid(Timeline(PaneDurations(pane_ms=100, lateness_ms=500, label_ms=0)))
    >>> Clock().late(np.array([0, 700, 100, 200]), panes)[0].tolist()
    [False, False, True, False]
    """

    latest_ms: int = BEGINNING_MS
    before_ms: int = BEGINNING_MS
    """`latest_ms` as it was before the last chunk."""
    closed_ms: int = BEGINNING_MS
    """Panes that end at or before this are closed."""
    told_ms: int = BEGINNING_MS
    """The last `closed_ms` that was sent to evaluate."""
    seen_ms: int = BEGINNING_MS
    """When rows last came, by the worker's clock."""
    idle: bool = False

    def late(self, times: NDArray[np.int64], panes: PaneGrid) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which rows are late, and the start of the pane that counts each; advance the clock."""
        running = np.maximum.accumulate(np.concatenate(([self.latest_ms], times)))
        starts = panes.starts(times)
        late = (panes.due(starts) <= running[:-1]) | (panes.ends(starts) <= self.closed_ms)
        # The pane of a late row is closed: the row is counted in the one that was open when it came.
        open_ms = np.maximum(panes.starts(running[:-1]), self.closed_ms)
        self.before_ms, self.latest_ms = self.latest_ms, int(running[-1])
        return late, np.where(late, open_ms, starts)

    def late_by_clock(self, times: NDArray[np.int64], panes: PaneGrid) -> NDArray[np.intp]:
        """Return which rows will be late only because the wall clock closed panes; call before `late`."""
        if self.closed_ms <= panes.closed_to(self.latest_ms):
            return np.array([], dtype=np.intp)
        running = np.maximum.accumulate(np.concatenate(([self.latest_ms], times)))[:-1]
        starts = panes.starts(times)
        return np.flatnonzero((panes.due(starts) > running) & (panes.ends(starts) <= self.closed_ms))

    def see(self, now_ms: int) -> bool:
        """Note that rows came; return whether the subject was idle."""
        was_idle, self.idle, self.seen_ms = self.idle, False, now_ms
        return was_idle

    def advance(self, closed_ms: int) -> None:
        """Close the panes that end at or before the end of a pane."""
        self.closed_ms = max(self.closed_ms, closed_ms)


def time_ms(time: datetime | int) -> int:
    """Return whole milliseconds since 1970.

    >>> from datetime import UTC
    >>> time_ms(datetime(2026, 1, 1, tzinfo=UTC)), time_ms(5)
    (1767225600000, 5)
    """
    return time if isinstance(time, int) else round(time.timestamp() * 1000)
