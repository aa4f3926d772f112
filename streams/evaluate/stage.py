"""The second stage: turns panes into the statistics and findings of closed windows."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct, field

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import Pane, SubjectAccount, ToEvaluate, Watermark
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.evaluate.accounts import Accounts
from watchkeeper.streams.evaluate.all_windows import AllWindows
from watchkeeper.streams.evaluate.label_coverage import LabelCoverage, arrived, cohort_start_ms, window
from watchkeeper.streams.evaluate.merging import check_profile
from watchkeeper.streams.evaluate.silence import Silence
from watchkeeper.streams.evaluate.subject_windows import Output, SavedSubjectWindows
from watchkeeper.streams.evaluate.traffic import SubjectTraffic, with_traffic
from watchkeeper.streams.evaluate.watermarks import SubjectReport, Watermarks
from watchkeeper.streams.evaluate.window_rules import MonitorHistory, RulesCache, WindowsKey
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.fold.rejection import readable
from watchkeeper.streams.topics.partitioning import partition_of

SWEEP_MS = 1000
"""Milliseconds between two advances of idle subjects, by the clocks of the sources. Chosen by hand: a larger
number saves time and closes the windows of idle subjects later."""
COVERAGES_MAX = 100
"""Number of versions of one subject whose labels are counted. Beyond it, versions that wait for no labels are
forgotten. Chosen by hand; it bounds the state."""

_decoder: "msgspec.msgpack.Decoder[ToEvaluate]" = msgspec.msgpack.Decoder(ToEvaluate)


class LostRecords(Struct):
    """Counts of what could not be evaluated, since the beginning."""

    unreadable: int = 0
    """Records that are neither a pane nor a watermark. They went to `rejected`."""
    unwatched_panes: int = 0
    """Panes of subjects without a monitor."""
    crowded_out_panes: int = 0
    """Panes of versions or layouts beyond `SUBJECT_WINDOWS_MAX`."""


class EvaluateState(Struct):
    """The whole state, in a checkpoint."""

    watermarks: Watermarks = field(default_factory=Watermarks)
    windows: list[SavedSubjectWindows] = field(default_factory=list, name="lanes")
    silences: dict[str, Silence] = field(default_factory=dict)
    """By subject."""
    coverages: dict[str, dict[str, LabelCoverage]] = field(default_factory=dict)
    """By subject, then by version."""
    swept_ms: int = BEGINNING_MS
    """When idle subjects were advanced last, by the clocks of the sources."""
    lost: LostRecords = field(default_factory=LostRecords)
    accounts: Accounts = field(default_factory=Accounts)
    traffic: dict[str, SubjectTraffic] = field(default_factory=dict)
    """By subject."""


class EvaluateFold(BaseFold):
    """Folds panes and watermarks of a partition's subjects. See `watchkeeper.streams.fold.protocol.Fold`.

    Time comes from the messages only; there is no clock here. The outputs about the windows of one subject
    and kind, and their order, do not depend on the order in which messages of different sources arrive.
    Outputs about labels follow the outputs about predictions up to the same time; how much later does depend
    on that order.
    """

    def __init__(
        self, registry: MonitorHistory, sources: Sequence[str], number: int = 0, partitions: int = 0
    ) -> None:
        self._registry = registry
        self._number = number
        self._sources = list(sources)
        self._partitions = partitions or len(sources)
        self._rules = RulesCache(registry)
        self._outputs: list[Message] = []
        self._load(EvaluateState())

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Fold panes and watermarks, in order."""
        what = "no message from ingest"
        for message in readable(topic, self._number, records, self._read, what, self._refuse, now_ms):
            if isinstance(message, Pane):
                self._add_pane(message)
            elif isinstance(message, SubjectAccount):
                self._note_account(message)
            else:
                self._note_watermark(message)

    def _refuse(self, rejected: Message) -> None:
        self.lost.unreadable += 1
        self._outputs.append(rejected)

    def _read(self, value: bytes) -> ToEvaluate:
        """Decode a message; raise ValueError for one that ingest cannot have sent."""
        message = _decoder.decode(value)
        if not isinstance(message, Pane):
            if message.source not in self._sources:
                raise ValueError(f"there is no source {message.source[:100]!r}")
            return message
        timeline = self._rules.rules(
            WindowsKey(message.subject, message.version, message.kind, message.layout)
        )
        layout = timeline.at(message.start_ms).layout if timeline is not None else None
        if layout is not None:  # checked only in a window, it could not be rejected with its bytes
            check_profile(message, layout)
        return message

    def tick(self, now_ms: int) -> None:
        """Forget subjects that are no longer watched, and judge accounts. Only watermarks advance time."""
        for key in [each.key for each in self._windows if not self._is_watched(each.key.subject)]:
            self._drop(key)
        for held in (self._silences, self._coverages, *self._accounts.held, self._traffic):
            for subject in [subject for subject in held if not self._is_watched(subject)]:
                del held[subject]
        self._watermarks.forget(self._is_watched)
        for subject in sorted(self._accounts.subjects):
            self._judge_account(subject, now_ms)

    def outputs(self) -> list[Message]:
        """Return the statistics and findings since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def snapshot(self) -> bytes:
        """Encode the whole state, and set `size_bytes` to its size."""
        saved = EvaluateState(
            self._watermarks,
            self._windows.saved(),
            self._silences,
            self._coverages,
            self._swept_ms,
            self.lost,
            self._accounts,
            self._traffic,
        )
        state = msgspec.msgpack.encode(saved)
        self.size_bytes = len(state)
        return state

    def restore(self, state: bytes) -> None:
        """Replace the state."""
        self._load(msgspec.msgpack.decode(state, type=EvaluateState))

    def _load(self, saved: EvaluateState) -> None:
        self._watermarks = saved.watermarks
        self._windows = AllWindows(saved.windows)
        self._silences = saved.silences
        self._coverages = saved.coverages
        self._swept_ms = saved.swept_ms
        self.lost = saved.lost
        self._accounts = saved.accounts
        self._traffic = saved.traffic
        self.size_bytes = 0

    def read_coverages(self) -> dict[str, float]:
        """Return the read coverage of each subject with events that were late or rejected lately."""
        return self._accounts.coverages

    def _is_watched(self, subject: str) -> bool:
        return self._registry.get(subject) is not None

    def _add_pane(self, pane: Pane) -> None:
        key = WindowsKey(pane.subject, pane.version, pane.kind, pane.layout)
        timeline = self._rules.rules(key)
        if timeline is None:
            self.lost.unwatched_panes += 1
            return
        windows = self._windows.open(key)
        if windows is None:
            self.lost.crowded_out_panes += 1
            return
        reached_ms = self._watermarks.of(pane.kind, pane.subject).reached_ms
        windows.add(pane, reached_ms, timeline, self._windows.has_room(pane))
        self._count(pane)

    def _count(self, pane: Pane) -> None:
        """Count predictions and labels, to detect missing labels."""
        bucket_ms = cohort_start_ms(self._rules.labels(pane.subject, pane.version), pane.start_ms)
        if bucket_ms is None or pane.segment is not None:
            return
        versions = self._coverages.setdefault(pane.subject, {})
        if pane.version not in versions and len(versions) >= COVERAGES_MAX:
            versions = {name: each for name, each in versions.items() if each.predictions}
            self._coverages[pane.subject] = versions
        coverage = versions.setdefault(pane.version, LabelCoverage())
        clock_ms = self._watermarks.clock_ms(self._sources)
        coverage.add(pane.kind == "labels", bucket_ms, arrived(pane), clock_ms)

    def _drop(self, key: WindowsKey) -> None:
        self._windows.drop(key)
        self._rules.forget(key)

    def _note_watermark(self, message: Watermark) -> None:
        news = self._watermarks.note(message, self._sources, self._is_watched)
        for each in news:
            self._note_rows(each, message.now_ms)
        due = {each.subject for each in news} | self._watermarks.settle() | self._idle_subjects()
        for subject in sorted(due):
            self._advance(subject)

    def _note_account(self, message: SubjectAccount) -> None:
        if self._is_watched(message.subject):
            self._accounts.note(message)
            self._judge_account(message.subject, message.now_ms)

    def _judge_account(self, subject: str, now_ms: int) -> None:
        watched = self._registry.get(subject)
        silence, time_ms = self._silences.get(subject), now_ms
        if silence is not None and silence.event_ms > BEGINNING_MS:
            time_ms = silence.event_now_ms(True, max(now_ms, silence.arrived_ms))
        found = watched and self._accounts.take(subject, watched.at(time_ms).monitor, now_ms, time_ms)
        self._send([found] if found else [])

    def _idle_subjects(self) -> set[str]:
        """Return the idle subjects, whose time passes by the clocks, at most once in `SWEEP_MS`."""
        clock_ms = self._watermarks.clock_ms(self._sources)
        if clock_ms - self._swept_ms < SWEEP_MS:
            return set()
        self._swept_ms = clock_ms
        return self._watermarks.idle_subjects()

    def _note_rows(self, news: SubjectReport, now_ms: int) -> None:
        if news.kind == "labels":
            return
        silence = self._silences.get(news.subject)
        if silence is None and news.alive:
            silence = self._silences[news.subject] = Silence(news.kind, now_ms, BEGINNING_MS)
        if silence is not None:
            silence.note_rows(now_ms if news.alive else BEGINNING_MS, news.time_ms)

    def _advance(self, subject: str) -> None:
        """Close and judge everything of a subject that is due."""
        watched, silence = self._registry.get(subject), self._silences.get(subject)
        rows = self._closed(subject, "predictions") + self._closed(subject, "features")
        self._send(with_traffic(self._traffic, subject, rows, watched))
        labels = self._closed(subject, "labels") + self._judge_coverage(subject)
        self._send(sorted(labels, key=lambda each: each.window_end_ms))
        if watched is not None and silence is not None:
            idle = self._watermarks.of(silence.kind, subject).idle
            clock_ms = self._watermarks.clock_ms(self._sources)
            monitor = watched.at(silence.event_now_ms(idle, clock_ms)).monitor
            found = silence.judge(monitor, idle, clock_ms)
            self._send([found] if found else [])

    def _closed(self, subject: str, kind: Kind) -> list[Output]:
        """Close the windows of a kind that are due; return their outputs in order."""
        reached_ms = self._watermarks.closing_ms(kind, subject)
        clock_ms = self._watermarks.clock_ms(self._sources)
        closed: list[tuple[int, WindowsKey, Output]] = []
        for windows in self._windows.of(subject, kind):
            timeline = self._rules.rules(windows.key)
            if timeline is None:
                continue
            until_ms = clock_ms - timeline.at(clock_ms).spans.lateness_ms
            idle_ms = self._watermarks.idle_closing_ms(kind, subject, until_ms)
            closed += [
                (each.window_end_ms, windows.key, each)
                for each in windows.advance(reached_ms, idle_ms, timeline)
            ]
            if windows.is_over(reached_ms, timeline):
                self._drop(windows.key)
        # Sorted by time first, so that one large step of event time gives the same order as many small ones.
        return [output for _, _, output in sorted(closed, key=lambda each: each[:2])]

    def _judge_coverage(self, subject: str) -> list[Output]:
        """Judge whether labels arrived for the predictions whose labels are due."""
        labels = self._watermarks.of("labels", subject)
        until_ms = self._watermarks.of("predictions", subject).reached_ms
        until_ms = until_ms if labels.idle else min(until_ms, labels.reached_ms)
        clock_ms = self._watermarks.clock_ms(self._sources)
        return [
            window(subject, version, each)
            for version, coverage in sorted(self._coverages.get(subject, {}).items())
            for each in coverage.judge(until_ms, self._rules.labels(subject, version), clock_ms, labels.idle)
        ]

    def _send(self, outputs: Sequence[Output]) -> None:
        for each in outputs:
            key = each.subject.encode()
            if isinstance(each, WindowStatistics):
                self._outputs.append(Message("statistics", key, msgspec.json.encode(each)))
            else:
                target = partition_of(each.subject, self._partitions)
                self._outputs.append(Message("findings", key, msgspec.msgpack.encode(each), target))
