"""The second stage: panes in, the statistics and findings of closed windows out."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct, field

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import Pane, ToEvaluate, Watermark
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate.all_windows import AllWindows
from watchkeeper.streams.evaluate.coverage import Coverage, cohort_start_ms, window
from watchkeeper.streams.evaluate.merging import check_profile
from watchkeeper.streams.evaluate.silence import Silence
from watchkeeper.streams.evaluate.subject_windows import Output, SavedLane
from watchkeeper.streams.evaluate.watermarks import News, Watermarks
from watchkeeper.streams.evaluate.window_rules import LaneKey, MonitorHistory, TermsOf, WindowRules
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.fold.rejection import readable
from watchkeeper.streams.topics.partitioning import partition_of

SWEEP_MS = 1000
"""How often idle subjects are looked at, by the clocks of the sources."""
COVERAGES_MAX = 100
"""Versions of one subject whose labels are counted; beyond it, those that wait for none are forgotten."""

_decoder: "msgspec.msgpack.Decoder[ToEvaluate]" = msgspec.msgpack.Decoder(ToEvaluate)


class Lost(Struct):
    """What could not be evaluated, since the first."""

    unreadable: int = 0
    """Records that were neither a pane nor a watermark; they went to `rejected`."""
    unwatched_panes: int = 0
    """Panes of subjects without a monitor."""
    crowded_out_panes: int = 0
    """Panes of versions or layouts beyond the most that are kept."""


class EvaluateState(Struct):
    """The whole state, in a checkpoint."""

    watermarks: Watermarks = field(default_factory=Watermarks)
    lanes: list[SavedLane] = field(default_factory=list)
    silences: dict[str, Silence] = field(default_factory=dict)
    coverages: dict[str, dict[str, Coverage]] = field(default_factory=dict)
    swept_ms: int = BEGINNING_MS
    lost: Lost = field(default_factory=Lost)


class EvaluateFold(BaseFold):
    """Folds panes and watermarks of a partition's subjects. See `watchkeeper.streams.fold.protocol.Fold`.

    Time is what the messages say: there is no clock here. In which order messages of different sources come
    does not change what is said of the windows of a subject and kind, nor its order. What is said of labels
    comes after what is said of predictions until then; how much later does depend on that order.
    """

    def __init__(self, registry: MonitorHistory, sources: Sequence[str], number: int = 0) -> None:
        self._registry = registry
        self._number = number
        self._sources = list(sources)
        self._terms = TermsOf(registry)
        self._outputs: list[Message] = []
        self._load(EvaluateState())

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Take in panes and watermarks, in order."""
        what = "neither a pane nor a watermark"
        for message in readable(topic, self._number, records, self._read, what, self._refuse, now_ms):
            if isinstance(message, Pane):
                self._take(message)
            else:
                self._hear(message)

    def _refuse(self, rejected: Message) -> None:
        self.lost.unreadable += 1
        self._outputs.append(rejected)

    def _read(self, value: bytes) -> ToEvaluate:
        """Decode what ingest sent; ValueError for what it can't have sent."""
        message = _decoder.decode(value)
        if isinstance(message, Watermark):
            if message.source not in self._sources:
                raise ValueError(f"there is no source {message.source[:100]!r}")
            return message
        timeline = self._terms.lane(LaneKey(message.subject, message.version, message.kind, message.layout))
        layout = timeline.at(message.start_ms).layout if timeline is not None else None
        if layout is not None:
            check_profile(message, layout)  # in a window it would be too late to keep its bytes
        return message

    def tick(self, now_ms: int) -> None:
        """Forget subjects that are not watched any more; time passes with watermarks only."""
        for key in [lane.key for lane in self._lanes if not self._is_watched(lane.key.subject)]:
            self._drop(key)
        for held in (self._silences, self._coverages):
            for subject in [subject for subject in held if not self._is_watched(subject)]:
                del held[subject]
        self._watermarks.forget(self._is_watched)

    def outputs(self) -> list[Message]:
        """Hand over statistics and findings since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def snapshot(self) -> bytes:
        """Encode the whole state; `size_bytes` says how large it was."""
        saved = EvaluateState(
            self._watermarks, self._lanes.saved(), self._silences, self._coverages, self._swept_ms, self.lost
        )
        state = msgspec.msgpack.encode(saved)
        self.size_bytes = len(state)
        return state

    def restore(self, state: bytes) -> None:
        """Replace the state."""
        self._load(msgspec.msgpack.decode(state, type=EvaluateState))

    def _load(self, saved: EvaluateState) -> None:
        self._watermarks = saved.watermarks
        self._lanes = AllWindows(saved.lanes)
        self._silences = saved.silences
        self._coverages = saved.coverages
        self._swept_ms = saved.swept_ms
        self.lost = saved.lost
        self.size_bytes = 0

    def _is_watched(self, subject: str) -> bool:
        return self._registry.get(subject) is not None

    def _take(self, pane: Pane) -> None:
        key = LaneKey(pane.subject, pane.version, pane.kind, pane.layout)
        timeline = self._terms.lane(key)
        if timeline is None:
            self.lost.unwatched_panes += 1
            return
        lane = self._lanes.open(key)
        if lane is None:
            self.lost.crowded_out_panes += 1
            return
        reached_ms = self._watermarks.of(pane.kind, pane.subject).reached_ms
        lane.add(pane, reached_ms, timeline, self._lanes.has_room(pane))
        self._count(pane)

    def _count(self, pane: Pane) -> None:
        """Count predictions and labels, to notice when labels do not come."""
        bucket_ms = cohort_start_ms(self._terms.labels(pane.subject, pane.version), pane.start_ms)
        if bucket_ms is None or pane.segment is not None:
            return
        versions = self._coverages.setdefault(pane.subject, {})
        if pane.version not in versions and len(versions) >= COVERAGES_MAX:
            versions = {name: each for name, each in versions.items() if each.predictions}
            self._coverages[pane.subject] = versions
        coverage = versions.setdefault(pane.version, Coverage())
        coverage.add(pane.kind == "labels", bucket_ms, pane.rows)

    def _drop(self, key: LaneKey) -> None:
        self._lanes.drop(key)
        self._terms.forget(key)

    def _hear(self, message: Watermark) -> None:
        news = self._watermarks.hear(message, self._sources, self._is_watched)
        for each in news:
            self._note_life(each, message.now_ms)
        due = {each.subject for each in news} | self._watermarks.settle() | self._idle_subjects()
        for subject in sorted(due):
            self._advance(subject)

    def _idle_subjects(self) -> set[str]:
        """Name the subjects for which time passes by the clocks, if those have moved on."""
        clock_ms = self._watermarks.clock_ms(self._sources)
        if clock_ms - self._swept_ms < SWEEP_MS:
            return set()
        self._swept_ms = clock_ms
        return self._watermarks.idle_subjects()

    def _note_life(self, news: News, now_ms: int) -> None:
        if news.kind == "labels":
            return
        silence = self._silences.get(news.subject)
        if silence is None and news.alive:
            silence = self._silences[news.subject] = Silence(news.kind, now_ms, BEGINNING_MS)
        if silence is not None:
            silence.hear(now_ms if news.alive else BEGINNING_MS, news.time_ms)

    def _advance(self, subject: str) -> None:
        """Say all that can be said of a subject by now."""
        self._tell(self._closed(subject, "predictions"))
        self._tell(self._closed(subject, "features"))
        labels = self._closed(subject, "labels") + self._judge_coverage(subject)
        self._tell(sorted(labels, key=lambda each: each.window_end_ms))
        watched, silence = self._registry.get(subject), self._silences.get(subject)
        if watched is not None and silence is not None:
            idle = self._watermarks.of(silence.kind, subject).idle
            clock_ms = self._watermarks.clock_ms(self._sources)
            monitor = watched.at(silence.event_now_ms(idle, clock_ms)).monitor
            found = silence.judge(monitor, idle, clock_ms)
            self._tell([found] if found else [])

    def _closed(self, subject: str, kind: Kind) -> list[Output]:
        """Close the windows of a kind that are due."""
        reached_ms = self._reached_ms(subject, kind)
        told: list[tuple[int, LaneKey, Output]] = []
        for lane in self._lanes.of(subject, kind):
            timeline = self._terms.lane(lane.key)
            if timeline is None:
                continue
            idle_ms = self._idle_ms(subject, kind, timeline)
            told += [
                (each.window_end_ms, lane.key, each) for each in lane.advance(reached_ms, idle_ms, timeline)
            ]
            if lane.is_over(reached_ms, timeline):
                self._drop(lane.key)
        # By time first: so it does not matter whether event time came this far in one step or in many.
        return [output for _, _, output in sorted(told, key=lambda each: each[:2])]

    def _reached_ms(self, subject: str, kind: Kind) -> int:
        """Give how far windows of a kind may close: those of labels no further than predictions have come.

        Ingest sees to that, but not across partitions: one may have labels only, and others predictions.
        """
        reached_ms = self._watermarks.of(kind, subject).reached_ms
        predictions = self._watermarks.of("predictions", subject)
        if kind == "labels" and predictions.sources and not predictions.idle:
            return min(reached_ms, predictions.reached_ms)
        return reached_ms

    def _idle_ms(self, subject: str, kind: Kind, timeline: Timeline[WindowRules]) -> int:
        """Give the time up to which an idle subject's windows close by the clocks of the sources."""
        if not self._watermarks.of(kind, subject).idle:
            return BEGINNING_MS
        clock_ms = self._watermarks.clock_ms(self._sources)
        until_ms = clock_ms - timeline.at(clock_ms).spans.lateness_ms
        predictions = self._watermarks.of("predictions", subject)
        if kind == "labels" and not predictions.idle and predictions.reached_ms > BEGINNING_MS:
            # A past year is replayed: labels that pause do not end with today, but with the predictions.
            return min(until_ms, predictions.reached_ms)
        return until_ms

    def _judge_coverage(self, subject: str) -> list[Output]:
        """Judge whether labels came for the predictions of long enough ago."""
        labels = self._watermarks.of("labels", subject)
        until_ms = self._watermarks.of("predictions", subject).reached_ms
        until_ms = until_ms if labels.idle else min(until_ms, labels.reached_ms)
        return [
            window(subject, version, each)
            for version, coverage in sorted(self._coverages.get(subject, {}).items())
            for each in coverage.judge(until_ms, self._terms.labels(subject, version))
        ]

    def _tell(self, told: Sequence[Output]) -> None:
        for each in told:
            key = each.subject.encode()
            if isinstance(each, WindowStatistics):
                self._outputs.append(Message("statistics", key, msgspec.json.encode(each)))
            else:
                target = partition_of(each.subject, len(self._sources))
                self._outputs.append(Message("findings", key, msgspec.msgpack.encode(each), target))
