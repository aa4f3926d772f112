"""Judges the traffic of each subject: the rows of its whole windows, of all versions, and by segment."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.budget import level
from watchkeeper.detectors.checks.quality.traffic import Rate
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Accepted, Finding, WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate.judgement import SEGMENTS_MAX
from watchkeeper.streams.evaluate.windows import ALL

SEGMENTS_KEPT = 100
"""The most segments of a subject whose traffic is judged: the first that were seen. Chosen by hand; it bounds
the state."""
EMPTY_WINDOWS_MAX = 2
"""The most windows without rows in a row that count as windows with 0 rows. After more, `silent` has been
found, and the next window is not whole. Chosen by hand: it is the default of `sensitivity.silent_after`."""
BY_MONITOR = "sensitivity.new_normal_after"
"""Who accepted a change that has lasted as long as the monitor states."""

Output = WindowStatistics | WindowFindings


class CountedWindow(NamedTuple):
    """The rows of one window of a subject, of all its versions together."""

    findings: WindowFindings
    """The findings of one of the versions, for the times and the kind."""
    rows: dict[str, int]
    """By segment; `ALL` is all rows."""
    is_complete: bool
    """Whether all segments are in `rows`."""


class SubjectTraffic(Struct):
    """What is known of the traffic of one subject. The encoded struct is the snapshot."""

    rates: dict[str, Rate] = {}
    """By segment; `ALL` is all rows."""
    end_ms: int = BEGINNING_MS
    """The end of the last window."""
    good_due: int = 0
    """Number of good windows still to report, so that an alert resolves."""
    accepted_revision: int = 0
    """The last revision of the monitor whose acceptances were applied."""

    def judge(self, window: CountedWindow, of: Watched) -> WindowFindings | None:
        """Judge a window and learn from it. Return None if it is not whole or there is nothing to report.

        The window that the stream's beginning, a change of the configuration or a long gap cuts is not whole.
        """
        size_ms = milliseconds(of.monitor.windows.size)
        start_ms, end_ms = window.findings.window_start_ms, window.findings.window_end_ms
        if end_ms <= self.end_ms or end_ms % size_ms:
            return None
        empty = (start_ms - self.end_ms) // size_ms
        first, self.end_ms = self.end_ms, end_ms
        if end_ms - start_ms != size_ms or empty > EMPTY_WINDOWS_MAX or start_ms < first:
            self._pass(window)
            return None
        for at_ms in range(start_ms - empty * size_ms, start_ms, size_ms):
            for rate in self.rates.values():
                rate.judge(at_ms, size_ms, 0, 1 / level(of.monitor))
        accepted = self._apply_acceptances(window, of, size_ms)
        findings = self._judge(window, of.monitor, size_ms, {each.segment or ALL for each in accepted})
        lasted = self._lasted(findings, of.monitor, window, size_ms)
        return self._report(window, of.monitor, findings, [*accepted, *lasted])

    def _pass(self, window: CountedWindow) -> None:
        for rate in self.rates.values():
            rate.skip()
        self._open(window)

    def _open(self, window: CountedWindow) -> set[str]:
        """Begin to learn the segments that are new, with the next window: in this one they may have begun."""
        new = set(window.rows) - set(self.rates)
        for name in sorted(new)[: max(0, SEGMENTS_KEPT + 1 - len(self.rates))]:
            self.rates[name] = Rate()
        return new

    def _judge(
        self, window: CountedWindow, monitor: Monitor, size_ms: int, passed: set[str]
    ) -> dict[str, Finding]:
        new, found = self._open(window), {}
        for name, rate in list(self.rates.items()):
            rows = window.rows.get(name, 0)
            if name in new | passed or (name not in window.rows and not window.is_complete):
                continue
            tests = 1 if name == ALL else max(1, len(self.rates) - 1)
            expected = rate.judge(window.findings.window_start_ms, size_ms, rows, tests / level(monitor))
            if expected is not None:
                found[name] = _finding(name, rows, expected)
            elif not rows and rate.level is not None and rate.level < 0:
                del self.rates[name]  # a segment that is gone for good
        return {ALL: found[ALL]} if ALL in found else found

    def _apply_acceptances(self, window: CountedWindow, of: Watched, size_ms: int) -> list[Accepted]:
        if of.revision <= self.accepted_revision:
            return []
        self.accepted_revision = of.revision
        applied = []
        for each in of.accepted:
            if each.check == "volume":
                for name in list(self.rates) if each.segment is None else [each.segment]:
                    self._accept(name, window, size_ms)
                applied.append(Accepted("volume", each.segment, None, each.by))
        return applied

    def _accept(self, name: str, window: CountedWindow, size_ms: int) -> None:
        if name in self.rates:
            rows = window.rows.get(name, 0)
            self.rates[name].accept(window.findings.window_start_ms, size_ms, rows)

    def _lasted(
        self, findings: dict[str, Finding], monitor: Monitor, window: CountedWindow, size_ms: int
    ) -> list[Accepted]:
        """Accept what has lasted as long as the monitor states, and remove its findings."""
        after, accepted = monitor.sensitivity.new_normal_after, []
        for name in list(findings) if after is not None else []:
            since_ms = self.rates[name].bad_since_ms
            if after and since_ms is not None and self.end_ms - since_ms >= milliseconds(after):
                self._accept(name, window, size_ms)
                del findings[name]
                accepted.append(Accepted("volume", name or None, None, BY_MONITOR))
        return accepted

    def _report(
        self, window: CountedWindow, monitor: Monitor, found: dict[str, Finding], accepted: list[Accepted]
    ) -> WindowFindings | None:
        if not (found or accepted or self.good_due):
            return None
        self.good_due = monitor.sensitivity.resolve_after if found else max(0, self.good_due - 1)
        of = window.findings
        return WindowFindings(
            of.subject, "", of.kind, of.window_start_ms, of.window_end_ms, 0,
            list(found.values()), ["volume"], accepted,
        )  # fmt: skip


def with_traffic(
    known: dict[str, SubjectTraffic],
    subject: str,
    outputs: Sequence[Output],
    watched: Timeline[Watched] | None,
) -> list[Output]:
    """Add the judgement on traffic after the last output of each window.

    Args:
        known: The traffic of all subjects, which is updated.
        subject: The subject.
        outputs: The outputs of its closed windows, in order of their ends.
        watched: Its monitor at each time; None: it is not watched.
    """
    judged: list[Output] = []
    for _, group in groupby(outputs, key=lambda each: each.window_end_ms):
        of_window = list(group)
        judged += of_window
        window = _counted(of_window)
        if window is None or watched is None:
            continue
        of = watched.at(window.findings.window_start_ms)
        if of.monitor.windows.rows is not None:  # windows close by rows: their number says nothing
            continue
        found = known.setdefault(subject, SubjectTraffic()).judge(window, of)
        judged += [found] if found is not None else []
    return judged


def _counted(outputs: Iterable[Output]) -> CountedWindow | None:
    """Return the rows of a window, from the statistics of its versions; None if it closed for no version."""
    outputs = list(outputs)
    closed = {each.version: each for each in outputs if isinstance(each, WindowFindings)}
    if not closed:
        return None
    rows: dict[str, int] = {}
    segments = dict.fromkeys(closed, 0)
    for each in outputs:
        if isinstance(each, WindowStatistics) and each.version in closed:
            rows[each.segment or ALL] = rows.get(each.segment or ALL, 0) + each.rows
            segments[each.version] += each.segment is not None
    first = min(closed.values(), key=lambda each: (each.window_start_ms, each.version))
    return CountedWindow(first, rows, max(segments.values()) < SEGMENTS_MAX)


def _finding(segment: str, rows: int, expected: float) -> Finding:
    where = f"In {segment}, " if segment else ""
    how = "fewer" if rows < expected else "more"
    usual = wording.number(expected)
    return Finding(
        check="volume",
        state="bad",
        explanation=f"{where}{rows} rows arrived, far {how} than the {usual} that were expected.",
        value=float(rows),
        threshold=expected,
        segment=segment or None,
        evidence={
            "rows": rows,
            "rows_expected": wording.tidy(expected),
            "ratio": wording.tidy(rows / expected) if expected else None,
        },
    )
