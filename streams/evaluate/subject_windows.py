"""The windows of one subject, version, kind and layout: collects panes, closes windows and judges them."""

from collections.abc import Iterator

from msgspec import Struct, field

from watchkeeper.detectors.online.watch import SavedSignal, Watch, WatchSummary
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.profiles import Pane
from watchkeeper.schemas.statistics import Statistic, WindowStatistics
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate import new_normal
from watchkeeper.streams.evaluate.engines import Engines
from watchkeeper.streams.evaluate.judgement import WindowJudgement, counts, judge_window, with_alarms
from watchkeeper.streams.evaluate.merging import merged
from watchkeeper.streams.evaluate.new_normal import NewNormal
from watchkeeper.streams.evaluate.online import samples_of, watch_of
from watchkeeper.streams.evaluate.recent import Recent
from watchkeeper.streams.evaluate.window_rules import WindowRules, WindowsKey
from watchkeeper.streams.evaluate.windows import ALL, ClosedWindow, OpenWindows, Part, PassedPane

PARTS_MAX = 5000
"""The most open parts of one key's windows; a part is one segment in one grain of time. Rows of further parts
are dropped and counted. Chosen by hand; it bounds the state."""
_COMPACT_AT = 8
"""Number of encoded profiles in a part at which they are merged into one. Chosen by hand: a larger number
merges less often and keeps a larger state."""
_GAP_WINDOWS = 100
"""Number of windows without rows after which older state is dropped. Chosen by hand: a larger number keeps
the recent windows over longer gaps."""


class UnwindowedCounts(Struct):
    """Counts of rows that are in no window and not reported yet."""

    late_rows: int = 0
    """Rows that arrived after their window had closed."""
    dropped_rows: int = 0
    """Rows dropped because there were too many segments or too much state."""
    due_ms: int = 0
    """The time at which they are reported if no window closes earlier; 0 if there are none."""


class SavedSubjectWindows(Struct):
    """Subject windows in a snapshot."""

    key: WindowsKey
    windows: OpenWindows = field(default_factory=OpenWindows)
    recent: Recent = field(default_factory=Recent)
    counts: UnwindowedCounts = field(default_factory=UnwindowedCounts)
    signals: list[SavedSignal] = []
    """The state of the online detectors."""
    baseline_ms: int | None = None
    """The build time of the reference that the detectors use."""
    passed_ms: int = BEGINNING_MS
    """The end of the last pane that event time has passed."""
    streaks: dict[str, int] = field(default_factory=dict)
    """Numbers of consecutive abnormal windows: see `watchkeeper.streams.evaluate.new_normal`."""
    engine: bytes | None = None
    """The encoded state of the engine's bets on all rows."""
    segment_engines: dict[str, bytes] = {}
    """Segment -> the encoded state of the engine's bets on it."""
    accepted_revision: int = 0
    """The last revision of the monitor whose acceptances were applied."""


Output = WindowStatistics | WindowFindings
"""A message of the topic `statistics` or `findings`."""


class SubjectWindows:
    """The windows of one subject, version, kind and layout. `saved()` returns the whole state."""

    def __init__(self, saved: SavedSubjectWindows) -> None:
        self.key = saved.key
        self.windows = saved.windows
        self._recent = saved.recent
        self.counts = saved.counts
        self._signals = saved.signals
        self._baseline_ms = saved.baseline_ms
        self._passed_ms = saved.passed_ms
        self._streaks = saved.streaks
        self._accepted_revision = saved.accepted_revision
        self._watch: Watch | None = None
        self._engines: Engines | None = None
        self._bets = {} if saved.engine is None else {ALL: saved.engine, **saved.segment_engines}

    def saved(self) -> SavedSubjectWindows:
        """Return the state."""
        signals = self._signals if self._watch is None else self._watch.snapshot()
        bets = dict(self._bets if self._engines is None else self._engines.save())
        return SavedSubjectWindows(
            self.key, self.windows, self._recent, self.counts, signals, self._baseline_ms,
            self._passed_ms, self._streaks, bets.pop(ALL, None), bets, self._accepted_revision,
        )  # fmt: skip

    def is_over(self, reached_ms: int, timeline: Timeline[WindowRules]) -> bool:
        """Whether a later pane needs none of the state, so that it can be dropped."""
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
        """Add a pane, or count its rows if its window has closed or there is no room.

        Args:
            pane: The pane.
            reached_ms: The event time reached.
            timeline: The rules at each time.
            room: Whether the partition has room for the profile.
        """
        # Each row is in the pane of all rows and in a pane of each segment dimension. Count it once.
        rows = pane.rows if pane.segment is None else 0
        rules, open_ms = timeline.at(pane.start_ms), max(reached_ms, pane.start_ms, self.windows.last_end_ms)
        due_ms = timeline.at(open_ms).spans.next(open_ms)
        if self.windows.is_late(pane, reached_ms, rules.spans):
            self.counts.late_rows += rows
            self.counts.due_ms = due_ms
        elif not room or sum(len(grain.parts) for grain in self.windows.grains.values()) >= PARTS_MAX:
            self.counts.dropped_rows += rows
            self.counts.due_ms = due_ms
        else:
            part = self.windows.add(pane, rules.spans)
            if len(part.profiles) >= _COMPACT_AT and rules.layout is not None:
                part.profiles[:] = [self._merged(part, rules.layout).encode()]

    def advance(self, reached_ms: int, idle_ms: int, timeline: Timeline[WindowRules]) -> Iterator[Output]:
        """Close the windows that event time has passed, in order; return their outputs.

        Args:
            reached_ms: The event time reached.
            idle_ms: The time up to which an idle subject sends no more rows. Its event time does not move,
                but windows with rows close up to here.
            timeline: The rules at each time.
        """
        latest = timeline.at(self.windows.latest_ms)
        until_ms = max(reached_ms, min(idle_ms, self.windows.open_until_ms(latest.spans)))
        for rules in timeline.history:
            yield from self._advance(min(until_ms, rules.spans.until_ms), rules)
        if 0 < self.counts.due_ms <= max(reached_ms, idle_ms):
            due_ms = self.counts.due_ms
            uncounted = counts(late_rows=self.counts.late_rows, dropped_rows=self.counts.dropped_rows)
            self.counts = UnwindowedCounts()
            self.windows.last_end_ms = max(
                self.windows.last_end_ms, due_ms
            )  # the window of this report counts as closed
            rules = timeline.at(due_ms - 1)
            start_ms = max(due_ms - rules.spans.every_ms, rules.spans.from_ms)
            yield self._statistics(ALL, start_ms, due_ms, 0, uncounted, rules)

    def _advance(self, until_ms: int, rules: WindowRules) -> Iterator[Output]:
        """Close the windows that event time has passed under the same rules."""
        while (step := self.windows.next(until_ms, rules.spans)) is not None:
            if isinstance(step, PassedPane):
                self._pass(step, rules)
            else:
                yield from self._close(step, rules)

    def _pass(self, passed: PassedPane, rules: WindowRules) -> None:
        """Feed the detectors with a pane."""
        if passed.end_ms - self._passed_ms > _GAP_WINDOWS * rules.spans.size_ms:
            self._recent, self._watch, self._signals = Recent(), None, []
            self._engines, self._bets = None, {}
        self._passed_ms = max(self._passed_ms, passed.end_ms)
        watch = self._watching(rules)
        if watch is None or rules.layout is None:
            return
        profile = self._merged(passed.part, rules.layout)
        watch.feed(samples_of(profile), passed.end_ms)
        if self._engines is not None:
            self._engines.feed(ALL, profile, passed.end_ms - rules.spans.pane_ms, passed.end_ms)

    def _watching(self, rules: WindowRules) -> Watch | None:
        """Return the detectors; make new ones after a new reference."""
        built_ms = rules.reference.built_at_ms if rules.reference else None
        if self._watch is None or built_ms != self._baseline_ms:
            signals = self._signals if built_ms == self._baseline_ms else []
            bets = self._bets if built_ms == self._baseline_ms else {}
            self._engines, self._bets = Engines.of(rules, self.key.kind, bets), {}
            self._watch, self._signals, self._baseline_ms = watch_of(self.key.kind, rules), [], built_ms
            if self._watch is not None:
                self._watch.restore(signals)
        elif self._engines is not None and not self._engines.suit(rules.monitor):
            self._engines = Engines.of(rules, self.key.kind, self._engines.save())
        return self._watch

    def _merged(self, part: Part, layout: Layout) -> RowsProfile | LabelsProfile:
        if self.key.kind == "labels":
            return merged(labels_of(layout), part.profiles, layout)
        return merged(RowsProfile, part.profiles, layout)

    def _close(self, closed: ClosedWindow, rules: WindowRules) -> Iterator[Output]:
        if rules.layout is None:
            lost = closed.parts.get(ALL, Part())
            yield self._window_statistics(closed, ALL, counts(unreadable_panes=len(lost.profiles)), rules)
            self.windows.settle(closed, {ALL}, rules.spans)
            return
        uncounted, self.counts = self.counts, UnwindowedCounts()
        watch = self._watching(rules)
        concluded = watch.conclude() if watch else WatchSummary([], {})
        engines = self._bet_on_segments(closed, rules, rules.layout)
        bets = engines.conclude()
        judgement = judge_window(
            self.key.kind, rules.layout, rules, closed, uncounted.late_rows, self._recent, bets.moved
        )
        judgement, accepted = self._accept(judgement, rules)
        more = counts(
            dropped_rows=uncounted.dropped_rows, ignored_segments=len(closed.parts) - len(judgement.judged)
        )
        for segment, judged in judgement.judged.items():
            extra = concluded.statistics + more if segment == ALL else []
            statistics = judged.statistics + extra + bets.evidence(segment)
            yield self._window_statistics(closed, segment, statistics, rules)
        yield WindowFindings(
            self.key.subject, self.key.version, self.key.kind, closed.start_ms, closed.end_ms,
            closed.parts.get(ALL, Part()).rows,
            with_alarms(judgement.findings, bets.alarms(concluded.alarms)), judgement.checked,
            [each.as_data() for each in accepted],
        )  # fmt: skip
        engines.clear(bets, judgement.findings)
        self._settle(closed, judgement, accepted, rules, rules.layout)

    def _bet_on_segments(self, closed: ClosedWindow, rules: WindowRules, layout: Layout) -> Engines:
        """Feed the engine with the rows of each segment since the previous window."""
        engines = self._engines or Engines(self.key.kind, {}, rules.monitor)
        for start_ms, parts in self.windows.fresh(closed):
            end_ms = min(start_ms + rules.spans.grain_ms, closed.end_ms)
            for segment in engines.segments:
                if segment in parts:
                    engines.feed(segment, self._merged(parts[segment], layout), start_ms, end_ms)
        return engines

    def _accept(
        self, judgement: WindowJudgement, rules: WindowRules
    ) -> tuple[WindowJudgement, list[NewNormal]]:
        """Count how long changes have lasted, and take those that are accepted for normal."""
        self._streaks = new_normal.longer_streaks(self._streaks, judgement)
        is_new, self._accepted_revision = rules.revision > self._accepted_revision, rules.revision
        stated = rules.accepted if is_new else ()
        accepted = new_normal.accepted(self._streaks, judgement, stated, rules)
        return new_normal.without(judgement, accepted), accepted

    def _settle(
        self,
        closed: ClosedWindow,
        judgement: WindowJudgement,
        accepted: list[NewNormal],
        rules: WindowRules,
        layout: Layout,
    ) -> None:
        spans = rules.spans
        windows = new_normal.WINDOWS * spans.size_ms // spans.every_ms
        abnormal = new_normal.not_yet_normal(self._streaks, windows)
        abnormal |= judgement.unusual_traffic | {each.segment for each in accepted}
        over = self.windows.settle(closed, judgement.broken | abnormal, spans)
        if self.key.kind == "labels":
            return
        for each in accepted:
            self._recent.accept(each.segment, each.check, judgement.profiles[each.segment], spans.size_ms)
        if spans.grain_ms == spans.size_ms:  # the grain that is over is the window just judged
            healthy = {segment for parts in over for segment in parts}
            past = {name: profile for name, profile in judgement.profiles.items() if name in healthy}
            self._recent.add(past, spans.size_ms, spans.size_ms)
            return
        for parts in over:
            kept = {name: part for name, part in parts.items() if name in judgement.profiles}
            past = {name: merged(RowsProfile, part.profiles, layout) for name, part in kept.items()}
            self._recent.add(past, spans.grain_ms, spans.size_ms)

    def _window_statistics(
        self, closed: ClosedWindow, segment: str, statistics: list[Statistic], rules: WindowRules
    ) -> WindowStatistics:
        rows = closed.parts[segment].rows if segment in closed.parts else 0
        return self._statistics(segment, closed.start_ms, closed.end_ms, rows, statistics, rules)

    def _statistics(
        self,
        segment: str,
        start_ms: int,
        end_ms: int,
        rows: int,
        statistics: list[Statistic],
        rules: WindowRules,
    ) -> WindowStatistics:
        key = self.key
        return WindowStatistics(
            key.subject, key.version, segment or None, key.kind, start_ms, end_ms, rows, statistics,
            rules.revision,
        )  # fmt: skip
