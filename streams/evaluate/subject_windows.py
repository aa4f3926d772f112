"""The windows of one subject, version, kind and layout: reads panes, judges windows."""

from collections.abc import Iterator

from msgspec import Struct, field

from watchkeeper.detectors.checks.reference import reference_labels, reference_rows
from watchkeeper.detectors.online.signals import (
    Sample,
    SignalName,
    row_samples,
    row_signals,
)
from watchkeeper.detectors.online.watch import SavedSignal, Watch, WatchSummary
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.detectors.tasks import labels_of, task_of
from watchkeeper.schemas.findings import Kind, WindowFindings
from watchkeeper.schemas.profiles import Pane
from watchkeeper.schemas.statistics import Statistic, WindowStatistics
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate import new_normal as usual
from watchkeeper.streams.evaluate.engines import Engines
from watchkeeper.streams.evaluate.judgement import Verdict, counts, judge_window, with_alarms
from watchkeeper.streams.evaluate.merging import merged
from watchkeeper.streams.evaluate.recent import Recent
from watchkeeper.streams.evaluate.window_rules import LaneKey, WindowRules
from watchkeeper.streams.evaluate.windows import ALL, Closed, OpenWindows, Part, Passed

PARTS_MAX = 5000
"""Most open parts of one lane; a part is a segment in a grain of time. Rows of further parts are dropped and
counted."""
_COMPACT_AT = 8
_GAP_WINDOWS = 100
"""Windows without rows after which the state from before is dropped."""


class UnwindowedCounts(Struct):
    """Rows that are in no window, since they were last reported."""

    late_rows: int = 0
    """Rows of a window that had closed."""
    dropped_rows: int = 0
    """Rows dropped because there were too many segments, or too much state in all."""
    due_ms: int = 0
    """The time at which they are reported at the latest, if no window closes."""


class SavedLane(Struct):
    """A lane in a snapshot."""

    key: LaneKey
    windows: OpenWindows = field(default_factory=OpenWindows)
    recent: Recent = field(default_factory=Recent)
    counts: UnwindowedCounts = field(default_factory=UnwindowedCounts)
    signals: list[SavedSignal] = []
    baseline_ms: int | None = None
    """The build time of the reference that the detectors were set by."""
    passed_ms: int = BEGINNING_MS
    """The end of the last pane that event time has passed."""
    streaks: dict[str, int] = field(default_factory=dict)
    """Numbers of consecutive unusual windows: see `watchkeeper.streams.evaluate.new_normal`."""
    engine: bytes | None = None
    """The encoded state of the engine's bets on all rows."""
    segment_engines: dict[str, bytes] = {}


Output = WindowStatistics | WindowFindings


class SubjectWindows:
    """One lane; `saved()` is its whole state."""

    def __init__(self, saved: SavedLane) -> None:
        self.key = saved.key
        self.windows = saved.windows
        self._recent = saved.recent
        self.counts = saved.counts
        self._signals = saved.signals
        self._baseline_ms = saved.baseline_ms
        self._passed_ms = saved.passed_ms
        self._streaks = saved.streaks
        self._watch: Watch | None = None
        self._engines: Engines | None = None
        self._bets = {} if saved.engine is None else {ALL: saved.engine, **saved.segment_engines}

    def saved(self) -> SavedLane:
        """Return the state."""
        signals = self._signals if self._watch is None else self._watch.snapshot()
        bets = dict(self._bets if self._engines is None else self._engines.save())
        return SavedLane(
            self.key, self.windows, self._recent, self.counts, signals, self._baseline_ms,
            self._passed_ms, self._streaks, bets.pop(ALL, None), bets,
        )  # fmt: skip

    def is_over(self, reached_ms: int, timeline: Timeline[WindowRules]) -> bool:
        """Whether the lane holds no state that a later pane could need."""
        empty = not (self.windows.grains or self.windows.waiting or self.counts.due_ms)
        gap_ms = _GAP_WINDOWS * timeline.at(reached_ms).spans.size_ms
        return empty and reached_ms - self._passed_ms > gap_ms

    @property
    def size_bytes(self) -> int:
        """The size of the profiles that are kept, in bytes."""
        parts = [part for grain in self.windows.grains.values() for part in grain.parts.values()]
        kept = [*parts, *self.windows.waiting.values()]
        return self._recent.size_bytes + sum(len(data) for part in kept for data in part.profiles)

    def add(self, pane: Pane, reached_ms: int, timeline: Timeline[WindowRules], room: bool) -> None:
        """Add a pane, or count its rows if its window has closed or there is no room."""
        # A row is in one pane of all rows and in one of each segment dimension. Count it once.
        rows = pane.rows if pane.segment is None else 0
        terms, open_ms = timeline.at(pane.start_ms), max(reached_ms, pane.start_ms, self.windows.last_end_ms)
        due_ms = timeline.at(open_ms).spans.next(open_ms)
        if self.windows.is_late(pane, reached_ms, terms.spans):
            self.counts.late_rows += rows
            self.counts.due_ms = due_ms
        elif not room or sum(len(grain.parts) for grain in self.windows.grains.values()) >= PARTS_MAX:
            self.counts.dropped_rows += rows
            self.counts.due_ms = due_ms
        else:
            part = self.windows.add(pane, terms.spans)
            if len(part.profiles) >= _COMPACT_AT and terms.layout is not None:
                part.profiles[:] = [self._merged(part, terms.layout).encode()]

    def advance(self, reached_ms: int, idle_ms: int, timeline: Timeline[WindowRules]) -> Iterator[Output]:
        """Close what event time has passed, in order.

        No more rows are expected up to `idle_ms` either, though event time stands still. So windows
        that hold rows close up to there too.
        """
        latest = timeline.at(self.windows.latest_ms)
        until_ms = max(reached_ms, min(idle_ms, self.windows.open_until_ms(latest.spans)))
        for terms in timeline.history:
            yield from self._advance(min(until_ms, terms.spans.until_ms), terms)
        if 0 < self.counts.due_ms <= max(reached_ms, idle_ms):
            due_ms = self.counts.due_ms
            told = counts(late_rows=self.counts.late_rows, dropped_rows=self.counts.dropped_rows)
            self.counts = UnwindowedCounts()
            self.windows.last_end_ms = max(self.windows.last_end_ms, due_ms)  # that window is reported
            terms = timeline.at(due_ms - 1)
            start_ms = max(due_ms - terms.spans.every_ms, terms.spans.from_ms)
            yield self._statistics(ALL, start_ms, due_ms, 0, told, terms)

    def _advance(self, until_ms: int, terms: WindowRules) -> Iterator[Output]:
        """Close what event time has passed while the same terms were in force."""
        while (step := self.windows.next(until_ms, terms.spans)) is not None:
            if isinstance(step, Passed):
                self._pass(step, terms)
            else:
                yield from self._close(step, terms)

    def _pass(self, passed: Passed, terms: WindowRules) -> None:
        """Feed the detectors with the mean of a pane."""
        if passed.end_ms - self._passed_ms > _GAP_WINDOWS * terms.spans.size_ms:
            self._recent, self._watch, self._signals = Recent(), None, []
            self._engines, self._bets = None, {}
        self._passed_ms = max(self._passed_ms, passed.end_ms)
        watch = self._watching(terms)
        if watch is None or terms.layout is None:
            return
        profile = self._merged(passed.part, terms.layout)
        watch.feed(_samples(profile), passed.end_ms)
        if self._engines is not None:
            self._engines.feed(ALL, profile, passed.end_ms - terms.spans.pane_ms, passed.end_ms)

    def _watching(self, terms: WindowRules) -> Watch | None:
        """Return the detectors. A new reference replaces them."""
        built_ms = terms.reference.built_at_ms if terms.reference else None
        if self._watch is None or built_ms != self._baseline_ms:
            signals = self._signals if built_ms == self._baseline_ms else []
            bets = self._bets if built_ms == self._baseline_ms else {}
            self._engines, self._bets = Engines.of(terms, self.key.kind, bets), {}
            self._watch, self._signals, self._baseline_ms = _watch(self.key.kind, terms), [], built_ms
            if self._watch is not None:
                self._watch.restore(signals)
        elif self._engines is not None and not self._engines.suit(terms.monitor):
            self._engines = Engines.of(terms, self.key.kind, self._engines.save())
        return self._watch

    def _merged(self, part: Part, layout: Layout) -> RowsProfile | LabelsProfile:
        if self.key.kind == "labels":
            return merged(labels_of(layout), part.profiles, layout)
        return merged(RowsProfile, part.profiles, layout)

    def _close(self, closed: Closed, terms: WindowRules) -> Iterator[Output]:
        if terms.layout is None:
            lost = closed.parts.get(ALL, Part())
            yield self._window_statistics(closed, ALL, counts(unreadable_panes=len(lost.profiles)), terms)
            self.windows.settle(closed, {ALL}, terms.spans)
            return
        told, self.counts = self.counts, UnwindowedCounts()
        watch = self._watching(terms)
        concluded = watch.conclude() if watch else WatchSummary([], {})
        engines = self._bet_on_segments(closed, terms, terms.layout)
        bets = engines.conclude()
        verdict = judge_window(
            self.key.kind, terms.layout, terms, closed, told.late_rows, self._recent, bets.moved
        )
        more = counts(
            dropped_rows=told.dropped_rows, ignored_segments=len(closed.parts) - len(verdict.judged)
        )
        for segment, judged in verdict.judged.items():
            extra = concluded.statistics + more if segment == ALL else []
            told_of = judged.statistics + extra + bets.evidence(segment)
            yield self._window_statistics(closed, segment, told_of, terms)
        yield WindowFindings(
            self.key.subject, self.key.version, self.key.kind, closed.start_ms, closed.end_ms,
            closed.parts.get(ALL, Part()).rows,
            with_alarms(verdict.findings, bets.alarms(concluded.alarms)), verdict.checked,
        )  # fmt: skip
        engines.clear(bets, verdict.findings)
        self._settle(closed, verdict, terms, terms.layout)

    def _bet_on_segments(self, closed: Closed, terms: WindowRules, layout: Layout) -> Engines:
        """Feed the engine with the rows of segments since the previous window."""
        engines = self._engines or Engines(self.key.kind, {}, terms.monitor)
        for start_ms, parts in self.windows.fresh(closed):
            end_ms = min(start_ms + terms.spans.grain_ms, closed.end_ms)
            for segment in engines.segments:
                if segment in parts:
                    engines.feed(segment, self._merged(parts[segment], layout), start_ms, end_ms)
        return engines

    def _settle(self, closed: Closed, verdict: Verdict, terms: WindowRules, layout: Layout) -> None:
        spans = terms.spans
        self._streaks = usual.longer(self._streaks, verdict)
        unusual = usual.not_yet_normal(self._streaks, usual.WINDOWS * spans.size_ms // spans.every_ms)
        over = self.windows.settle(closed, verdict.broken | unusual, spans)
        if self.key.kind == "labels":
            return
        if spans.grain_ms == spans.size_ms:  # what is over is the window just judged
            healthy = {segment for parts in over for segment in parts}
            past = {name: profile for name, profile in verdict.profiles.items() if name in healthy}
            self._recent.add(past, spans.size_ms, spans.size_ms)
            return
        for parts in over:
            kept = {name: part for name, part in parts.items() if name in verdict.profiles}
            past = {name: merged(RowsProfile, part.profiles, layout) for name, part in kept.items()}
            self._recent.add(past, spans.grain_ms, spans.size_ms)

    def _window_statistics(
        self, closed: Closed, segment: str, statistics: list[Statistic], terms: WindowRules
    ) -> WindowStatistics:
        rows = closed.parts[segment].rows if segment in closed.parts else 0
        return self._statistics(segment, closed.start_ms, closed.end_ms, rows, statistics, terms)

    def _statistics(
        self,
        segment: str,
        start_ms: int,
        end_ms: int,
        rows: int,
        statistics: list[Statistic],
        terms: WindowRules,
    ) -> WindowStatistics:
        key = self.key
        return WindowStatistics(
            key.subject, key.version, segment or None, key.kind, start_ms, end_ms, rows, statistics,
            terms.revision,
        )  # fmt: skip


def _watch(kind: Kind, terms: WindowRules) -> Watch | None:
    if kind == "labels":
        labels = reference_labels(terms.reference, None)
        if labels is None:
            return None
        return Watch(task_of(labels.layout.binning.task).online_signals(labels))
    rows = reference_rows(terms.reference, None)
    return Watch(row_signals(rows)) if rows is not None else None


def _samples(profile: RowsProfile | LabelsProfile) -> dict[SignalName, Sample]:
    if isinstance(profile, LabelsProfile):
        return task_of(profile.layout.binning.task).online_samples(profile)
    return row_samples(profile)
