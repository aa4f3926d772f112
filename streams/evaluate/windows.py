"""Windows of event time, made of panes.

Windows tumble or roll. They close by time, or earlier by row count.
"""

from math import gcd
from typing import NamedTuple

from msgspec import Struct, field

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.profiles import Pane
from watchkeeper.schemas.times import BEGINNING_MS, END_MS

ALL = ""
"""The name of all rows where the names of segments are keys. No segment has an empty name."""


class WindowDurations(NamedTuple):
    """The durations that decide when windows close, for panes that start at `from_ms` or later.

    No window holds panes from both sides of a configuration change. The last window before a change ends at
    the change or earlier. The first window after it has the full length, unless the next change cuts it.
    """

    size_ms: int
    """The length of a window."""
    every_ms: int
    """The time between the ends of two windows."""
    pane_ms: int
    """The length of a pane."""
    lateness_ms: int = 0
    """How long rows are waited for after a pane has ended."""
    rows: int | None = None
    """The number of rows that closes a window early; None: only time does."""
    from_ms: int = BEGINNING_MS
    """The time at which the monitor or reference takes effect."""
    until_ms: int = END_MS
    """The time at which a later monitor or reference takes effect."""

    @classmethod
    def of(cls, monitor: Monitor, kind: Kind) -> "WindowDurations":
        """Return the durations of a monitor. Windows of labels may have another size."""
        windows = monitor.windows
        size, rows = windows.size, windows.rows
        if kind == "labels" and monitor.labels is not None:
            # Labels have no row limit: a window that is full of rows may still have too few labels.
            size, rows = monitor.labels.window or size, None
        every = min(windows.every or size, size)
        return cls(
            milliseconds(size),
            milliseconds(every),
            milliseconds(windows.pane),
            milliseconds(windows.lateness),
            rows,
        )

    @property
    def tumbling(self) -> bool:
        """Whether windows do not overlap."""
        return self.every_ms == self.size_ms

    @property
    def grain_ms(self) -> int:
        """The longest span of time that each window holds as a whole or not at all."""
        return self.pane_ms if self.rows else gcd(self.size_ms, self.every_ms)

    def floor(self, time_ms: int) -> int:
        """Return the last time at or before `time_ms` at which a window ends by time."""
        if time_ms >= self.until_ms:
            return self.until_ms
        if self.from_ms <= time_ms < self._first_end_ms:
            return self.from_ms
        return time_ms // self.every_ms * self.every_ms

    def next(self, time_ms: int) -> int:
        """Return the first time after `time_ms` at which a window ends by time."""
        after_ms = time_ms // self.every_ms * self.every_ms + self.every_ms
        return min(max(after_ms, self._first_end_ms), self.until_ms)

    @property
    def _first_end_ms(self) -> int:
        """The end of the first whole window after the change."""
        if self.from_ms <= BEGINNING_MS:
            return BEGINNING_MS
        return (self.from_ms + self.size_ms) // self.every_ms * self.every_ms


class Part(Struct, array_like=True):
    """Encoded profiles of one segment, not merged yet."""

    rows: int = 0
    """The number of rows in all profiles."""
    profiles: list[bytes] = field(default_factory=list)
    """The encoded profiles."""

    def add(self, rows: int, profiles: list[bytes]) -> None:
        """Add rows and their profiles."""
        self.rows += rows
        self.profiles += profiles


Parts = dict[str, Part]
"""Segment -> its profiles; `ALL` is all rows."""


class Grain(Struct, array_like=True):
    """The rows of one grain of time, by segment."""

    parts: Parts = field(default_factory=dict)
    """The rows."""
    faulty: set[str] = field(default_factory=set)
    """Segments with a data-quality fault in a window that holds this grain."""

    def healthy(self) -> Parts:
        """Return the parts of segments without a fault; nothing if all rows together had one."""
        if ALL in self.faulty:
            return {}
        return {segment: part for segment, part in self.parts.items() if segment not in self.faulty}


class PassedPane(NamedTuple):
    """A pane of all rows that event time has passed. It is complete from all partitions."""

    end_ms: int
    part: Part


class ClosedWindow(NamedTuple):
    """A complete window."""

    start_ms: int
    end_ms: int
    parts: Parts


class OpenWindows(Struct):
    """The open panes and windows of one subject, version, kind and layout.

    >>> spans = WindowDurations(size_ms=20, every_ms=20, pane_ms=10)
    >>> windows = OpenWindows()
    >>> _ = windows.add(Pane("m", "1", None, "predictions", 0, 10, "l", 7, b"profile"), spans)
    >>> windows.next(until_ms=10, spans=spans)
    PassedPane(end_ms=10, part=Part(rows=7, profiles=[b'profile']))
    >>> windows.next(until_ms=20, spans=spans)
    ClosedWindow(start_ms=0, end_ms=20, parts={'': Part(rows=7, profiles=[b'profile'])})
    """

    waiting: dict[int, Part] = {}
    """End -> a pane of all rows that event time has not passed yet."""
    grains: dict[int, Grain] = {}
    """Start -> a grain."""
    counted: int = 0
    """Number of rows passed since the last window closed."""
    full: int | None = None
    """The end of the pane that filled the window, until the window is closed."""
    last_end_ms: int = BEGINNING_MS
    """The end of the last closed window."""

    def add(self, pane: Pane, spans: WindowDurations) -> Part:
        """Add a pane, and return the part that now holds it."""
        if pane.segment is None:
            self.waiting.setdefault(pane.end_ms, Part()).add(pane.rows, [pane.profile])
        start_ms = max(pane.start_ms // spans.grain_ms * spans.grain_ms, spans.from_ms)
        grain = self.grains.setdefault(start_ms, Grain())
        part = grain.parts.setdefault(pane.segment or ALL, Part())
        part.add(pane.rows, [pane.profile])
        return part

    def is_late(self, pane: Pane, reached_ms: int, spans: WindowDurations) -> bool:
        """Whether a window that the pane belongs to has closed, or event time has passed its end.

        A window may also close by row count or, while its subject is idle, by the clock. No window is
        reported twice.
        """
        return pane.start_ms < max(spans.floor(reached_ms), self.last_end_ms)

    def open_until_ms(self, spans: WindowDurations) -> int:
        """Return the end of the first window that holds the latest rows."""
        return spans.next(self.latest_ms)

    @property
    def latest_ms(self) -> int:
        """The start of the grain with the latest rows."""
        return max(self.grains, default=BEGINNING_MS)

    def next(self, until_ms: int, spans: WindowDurations) -> PassedPane | ClosedWindow | None:
        """Return the next pane or window that has ended by a time, in order of time; None if there is none.

        Call `settle` after each window.
        """
        if self.full is not None:
            return self._window(self.full, spans)
        boundary_ms = self._boundary_ms(spans)
        pane_end_ms = min(self.waiting, default=END_MS)
        if min(pane_end_ms, boundary_ms) > min(until_ms, END_MS - 1):
            return None
        if boundary_ms < pane_end_ms:
            return self._window(boundary_ms, spans)
        part = self.waiting.pop(pane_end_ms)
        self.counted += part.rows
        if spans.rows is not None and self.counted >= spans.rows:
            self.full = pane_end_ms
        return PassedPane(pane_end_ms, part)

    def settle(self, closed: ClosedWindow, faulty: set[str], spans: WindowDurations) -> list[Parts]:
        """Forget the grains that no later window holds, and return their healthy parts in order of time.

        Args:
            closed: The window that was judged.
            faulty: Its segments with a fault.
            spans: The durations in force.
        """
        for start_ms, grain in self.grains.items():
            if closed.start_ms <= start_ms < closed.end_ms:
                grain.faulty |= faulty
        self.last_end_ms = max(self.last_end_ms, closed.end_ms)
        self.counted, self.full = 0, None
        over_ms = _kept_from_ms(closed.end_ms, spans)
        over = [self.grains.pop(start_ms) for start_ms in sorted(self.grains) if start_ms < over_ms]
        return [grain.healthy() for grain in over]

    def fresh(self, closed: ClosedWindow) -> list[tuple[int, Parts]]:
        """Return the grains that no earlier window held, each with its start. Call it before `settle`."""
        starts = [
            start_ms for start_ms in sorted(self.grains) if self.last_end_ms <= start_ms < closed.end_ms
        ]
        return [(start_ms, self.grains[start_ms].parts) for start_ms in starts]

    def _boundary_ms(self, spans: WindowDurations) -> int:
        """Return the end of the next window by time that has rows; `END_MS` if there are no rows."""
        first = min(self.grains, default=END_MS)
        if first >= spans.until_ms:
            return END_MS
        holds_first, after_last = spans.next(first), spans.next(self.last_end_ms)
        return after_last if holds_first < after_last <= first + spans.size_ms else holds_first

    def _window(self, end_ms: int, spans: WindowDurations) -> ClosedWindow:
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
        return ClosedWindow(start_ms, end_ms, parts)


def _kept_from_ms(end_ms: int, spans: WindowDurations) -> int:
    """Return the start of the window after the one that ends at a time."""
    return end_ms if spans.tumbling or end_ms >= spans.until_ms else spans.next(end_ms) - spans.size_ms
