"""Event time of one subject's events of one kind in one partition, and which panes it has closed."""

from datetime import datetime

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from watchkeeper.streams.ingest.spans import PaneDurations

NEVER = -(2**62)


class Clock(Struct):
    """The highest event time seen, and the end of the last pane that is closed for good.

    A row is late if its pane had been closed by the rows before it, however they came in chunks.

    >>> spans = PaneDurations(pane_ms=100, lateness_ms=500, label_ms=0)
    >>> Clock().late(np.array([0, 700, 100, 200]), spans)[0].tolist()
    [False, False, True, False]
    """

    latest_ms: int = NEVER
    before_ms: int = NEVER
    """`latest_ms` as it was before the last chunk."""
    closed_ms: int = NEVER
    """Panes that end at or before this are closed."""
    told_ms: int = NEVER
    """The last `closed_ms` that evaluate was told."""
    seen_ms: int = NEVER
    """When rows last came, by the worker's clock."""
    idle: bool = False

    def late(
        self, times: NDArray[np.int64], spans: PaneDurations
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Say which rows are late and in which pane, by its start, each is counted; move on to the latest."""
        running = np.maximum.accumulate(np.concatenate(([self.latest_ms], times)))
        starts = spans.starts(times)
        late = (spans.due(starts) <= running[:-1]) | (spans.ends(starts) <= self.closed_ms)
        # A late row has no pane of its own any more: it is counted in the one that was open when it came.
        open_ms = np.maximum(spans.starts(running[:-1]), self.closed_ms)
        self.before_ms, self.latest_ms = self.latest_ms, int(running[-1])
        return late, np.where(late, open_ms, starts)

    def late_by_clock(self, times: NDArray[np.int64], spans: PaneDurations) -> NDArray[np.intp]:
        """Say, before `late`, which rows will be late only because no rows came for long and time went on."""
        if self.closed_ms <= spans.closed_to(self.latest_ms):
            return np.array([], dtype=np.intp)
        running = np.maximum.accumulate(np.concatenate(([self.latest_ms], times)))[:-1]
        starts = spans.starts(times)
        return np.flatnonzero((spans.due(starts) > running) & (spans.ends(starts) <= self.closed_ms))

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
