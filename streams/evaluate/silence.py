"""Detects that a subject has stopped publishing."""

from msgspec import Struct, field

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Finding, Kind, WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.evaluate.windows import WindowDurations


class Silence(Struct):
    """The last rows of one subject. The encoded struct is the snapshot.

    Silence is measured on the clocks of the sources, because event time stops after the last event. It is
    reported in the subject's event time, continued at the pace of the clock. So its windows follow the
    earlier ones, even in a replay of a past year.
    """

    kind: Kind
    """The kind of the subject's events: predictions or features."""
    arrived_ms: int = field(name="heard_ms")
    """When the last rows arrived, on the clock of their source."""
    event_ms: int
    """The event time reached when the last rows arrived."""
    judged_ms: int = field(default=BEGINNING_MS, name="told_ms")
    """The end of the last window that was judged."""
    good_due: int = 0
    """Number of good windows still to report after a silence, so that its alert resolves."""

    def note_rows(self, now_ms: int, event_ms: int) -> None:
        """Record that rows arrived.

        Args:
            now_ms: When they arrived, on the clock of their source.
            event_ms: The event time reached.
        """
        self.arrived_ms = max(self.arrived_ms, now_ms)
        self.event_ms = max(self.event_ms, event_ms)

    def event_now_ms(self, idle: bool, clock_ms: int) -> int:
        """Return the subject's event time, continued at the pace of the clock while it is idle."""
        return self.event_ms + (clock_ms - self.arrived_ms if idle else 0)

    def judge(self, monitor: Monitor, idle: bool, clock_ms: int) -> WindowFindings | None:
        """Judge the last window that has ended. Return None if it is judged already or there was no silence.

        The window has no version: the version that should have published is unknown.

        Args:
            monitor: The monitor in force.
            idle: Whether the subject is idle at all sources.
            clock_ms: The time that the clocks of all sources have passed.
        """
        spans = WindowDurations.of(monitor, self.kind)
        after_ms = milliseconds(monitor.sensitivity.silent_after or 2 * monitor.windows.size)
        silent_ms = clock_ms - self.arrived_ms if idle else 0
        end_ms = spans.floor(self.event_now_ms(idle, clock_ms))
        bad = end_ms - self.event_ms > after_ms
        if end_ms <= self.judged_ms or not (bad or self.good_due):
            return None
        self.judged_ms = end_ms
        self.good_due = monitor.sensitivity.resolve_after if bad else self.good_due - 1
        findings = [_finding(monitor.subject, silent_ms, after_ms)] if bad else []
        start_ms = end_ms - spans.size_ms
        return WindowFindings(monitor.subject, "", self.kind, start_ms, end_ms, 0, findings, ["silent"])


def _finding(subject: str, silent_ms: int, after_ms: int) -> Finding:
    text = f"{subject} has published nothing for {_words(silent_ms)}; the limit is {_words(after_ms)}."
    return Finding("silent", "bad", text, value=silent_ms / 1000, threshold=after_ms / 1000)


def _words(span_ms: int) -> str:
    """Write a duration in words.

    >>> _words(90_000), _words(5_400_000), _words(300_000_000)
    ('90 seconds', '90 minutes', '83 hours')
    """
    for unit, size_ms, most in (("seconds", 1000, 120), ("minutes", 60_000, 180)):
        if span_ms < most * size_ms:
            return f"{span_ms // size_ms} {unit}"
    return f"{span_ms // 3_600_000} hours"
