"""Windows of event time, made of panes: tumbling or rolling, closed by time or earlier by count."""

from datetime import timedelta
from math import gcd
from typing import NamedTuple

from msgspec import Struct, field

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.profiles import Pane
from watchkeeper.streams.evaluate.watermarks import NEVER

FAR = -NEVER
ALL = ""
"""Stands for all rows among the names of segments."""


def ms(span: timedelta) -> int:
    """Give a duration in whole milliseconds."""
    return span // timedelta(milliseconds=1)


class WindowDurations(NamedTuple):
    """The durations that decide when windows close, for panes that start at `from_ms` or later.

    No window holds panes from both sides of a change: the last one before it ends there at the latest, and
    the first one after it is as long as all others, or as long as it can be.
    """

    size_ms: int
    every_ms: int
    pane_ms: int
    lateness_ms: int = 0
    rows: int | None = None
    from_ms: int = NEVER
    until_ms: int = FAR
    """When a later monitor or reference takes effect."""

    @classmethod
    def of(cls, monitor: Monitor, kind: Kind) -> "WindowDurations":
        """Read them off a monitor; labels may have windows of another size."""
        windows = monitor.windows
        size, rows = windows.size, windows.rows
        if kind == "labels" and monitor.labels is not None:
            # A window of labels that is full of rows may still have too few labels to measure anything.
            size, rows = monitor.labels.window or size, None
        every = min(windows.every or size, size)
        return cls(ms(size), ms(every), ms(windows.pane), ms(windows.lateness), rows)

    @property
    def tumbling(self) -> bool:
        """Whether windows do not overlap."""
        return self.every_ms == self.size_ms

    @property
    def grain_ms(self) -> int:
        """Give the longest span that every window has either whole or not at all."""
        return self.pane_ms if self.rows else gcd(self.size_ms, self.every_ms)

    def floor(self, time_ms: int) -> int:
        """Give the last end of a window by time, at or before a time."""
        if time_ms >= self.until_ms:
            return self.until_ms
        if self.from_ms <= time_ms < self._first_end_ms:
            return self.from_ms
        return time_ms // self.every_ms * self.every_ms

    def next(self, time_ms: int) -> int:
        """Give the end of the first window by time that ends after a time."""
        after_ms = time_ms // self.every_ms * self.every_ms + self.every_ms
        return min(max(after_ms, self._first_end_ms), self.until_ms)

    @property
    def _first_end_ms(self) -> int:
        """Give the end of the first window that reaches no further back than the change, as far as it can."""
        if self.from_ms <= NEVER:
            return NEVER
        return (self.from_ms + self.size_ms) // self.every_ms * self.every_ms


class Part(Struct, array_like=True):
    """Encoded profiles that belong together, not merged yet."""

    rows: int = 0
    profiles: list[bytes] = field(default_factory=list)

    def add(self, rows: int, profiles: list[bytes]) -> None:
        """Take in more."""
        self.rows += rows
        self.profiles += profiles


Parts = dict[str, Part]


class Grain(Struct, array_like=True):
    """What came in one grain of time, by segment."""

    parts: Parts = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    """Segments that had a data-quality fault in a window with this grain."""

    def healthy(self) -> Parts:
        """Give the segments that had no fault; none if all rows together had one."""
        if ALL in self.faulty:
            return {}
        return {segment: part for segment, part in self.parts.items() if segment not in self.faulty}


class Passed(NamedTuple):
    """A pane of all rows that event time has passed, complete from all partitions."""

    end_ms: int
    part: Part


class Closed(NamedTuple):
    """A window that is complete."""

    start_ms: int
    end_ms: int
    parts: Parts


class OpenWindows(Struct):
    """The open panes and windows of one subject, version, kind and layout.

    >>> spans = WindowDurations(size_ms=20, every_ms=20, pane_ms=10)
    >>> windows = OpenWindows()
    >>> _ = windows.add(Pane("m", "1", None, "predictions", 0, 10, "l", 7, b"profile"), spans)
    >>> windows.next(until_ms=10, spans=spans)
    Passed(end_ms=10, part=Part(rows=7, profiles=[b'profile']))
    >>> windows.next(until_ms=20, spans=spans)
    Closed(start_ms=0, end_ms=20, parts={'': Part(rows=7, profiles=[b'profile'])})
    """

    waiting: dict[int, Part] = {}
    """Panes of all rows that event time has not passed yet, by their ends."""
    grains: dict[int, Grain] = {}
    """By their starts."""
    counted: int = 0
    """Rows passed since the last window closed."""
    full: int | None = None
    """The end of the pane that filled the window, until that is closed."""
    last_end_ms: int = NEVER

    def add(self, pane: Pane, spans: WindowDurations) -> Part:
        """Take in a pane; return the part that it went into."""
        if pane.segment is None:
            self.waiting.setdefault(pane.end_ms, Part()).add(pane.rows, [pane.profile])
        start_ms = max(pane.start_ms // spans.grain_ms * spans.grain_ms, spans.from_ms)
        grain = self.grains.setdefault(start_ms, Grain())
        part = grain.parts.setdefault(pane.segment or ALL, Part())
        part.add(pane.rows, [pane.profile])
        return part

    def is_late(self, pane: Pane, reached_ms: int, spans: WindowDurations) -> bool:
        """Whether a window that the pane belongs to has closed, or event time has passed its end.

        It may have closed by count or, because all was idle, by the clock: no window is told twice.
        """
        return pane.start_ms < max(spans.floor(reached_ms), self.last_end_ms)

    def open_until_ms(self, spans: WindowDurations) -> int:
        """Give the end of the first window that holds the latest rows."""
        return spans.next(self.latest_ms)

    @property
    def latest_ms(self) -> int:
        """Give the start of the latest rows."""
        return max(self.grains, default=NEVER)

    def next(self, until_ms: int, spans: WindowDurations) -> Passed | Closed | None:
        """Give what comes next in order of time, or None when nothing has ended by then.

        After a window comes `settle`.
        """
        if self.full is not None:
            return self._window(self.full, spans)
        boundary_ms = self._boundary_ms(spans)
        pane_end_ms = min(self.waiting, default=FAR)
        if min(pane_end_ms, boundary_ms) > min(until_ms, FAR - 1):
            return None
        if boundary_ms < pane_end_ms:
            return self._window(boundary_ms, spans)
        part = self.waiting.pop(pane_end_ms)
        self.counted += part.rows
        if spans.rows is not None and self.counted >= spans.rows:
            self.full = pane_end_ms
        return Passed(pane_end_ms, part)

    def settle(self, closed: Closed, faulty: set[str], spans: WindowDurations) -> list[Parts]:
        """Forget what no later window holds; return what of it was never in a window with a fault."""
        for start_ms, grain in self.grains.items():
            if closed.start_ms <= start_ms < closed.end_ms:
                grain.faulty |= faulty
        self.last_end_ms = max(self.last_end_ms, closed.end_ms)
        self.counted, self.full = 0, None
        over_ms = _kept_from_ms(closed.end_ms, spans)
        over = [self.grains.pop(start_ms) for start_ms in sorted(self.grains) if start_ms < over_ms]
        return [grain.healthy() for grain in over]

    def fresh(self, closed: Closed) -> list[tuple[int, Parts]]:
        """Give those grains of a window that no window before it held, by their starts; before `settle`."""
        starts = [
            start_ms for start_ms in sorted(self.grains) if self.last_end_ms <= start_ms < closed.end_ms
        ]
        return [(start_ms, self.grains[start_ms].parts) for start_ms in starts]

    def _boundary_ms(self, spans: WindowDurations) -> int:
        """Give the next end of a window by time that has rows; far in the future if there are none."""
        first = min(self.grains, default=FAR)
        if first >= spans.until_ms:
            return FAR
        holds_first, after_last = spans.next(first), spans.next(self.last_end_ms)
        return after_last if holds_first < after_last <= first + spans.size_ms else holds_first

    def _window(self, end_ms: int, spans: WindowDurations) -> Closed:
        first, last_end_ms = min(self.grains, default=end_ms), self.last_end_ms
        start_ms = max(end_ms - spans.size_ms, spans.from_ms)
        if spans.tumbling:
            start_ms = max(spans.floor(end_ms - 1), spans.from_ms)
            if start_ms < last_end_ms < end_ms and first >= last_end_ms:
                start_ms = last_end_ms
        parts: Parts = {}
        for at_ms in sorted(self.grains):
            if start_ms <= at_ms < end_ms:
                for segment, part in self.grains[at_ms].parts.items():
                    parts.setdefault(segment, Part()).add(part.rows, part.profiles)
        return Closed(start_ms, end_ms, parts)


def _kept_from_ms(end_ms: int, spans: WindowDurations) -> int:
    """Give the start of the window after the one that ended."""
    return end_ms if spans.tumbling or end_ms >= spans.until_ms else spans.next(end_ms) - spans.size_ms
