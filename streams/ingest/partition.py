"""The state of ingest in one partition. The intakes of rows and of labels share it."""

from collections.abc import Iterable, Sequence

import msgspec

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import Watermark
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.fold.protocol import LAST_OFFSET, LOG_APPEND_TIME, Message, Record
from watchkeeper.streams.ingest.accounts import Account, LabelAccount
from watchkeeper.streams.ingest.append_times import CLAMPED_MAX, Clamped
from watchkeeper.streams.ingest.clock import Clock
from watchkeeper.streams.ingest.intakes import Subjects
from watchkeeper.streams.ingest.join import Join
from watchkeeper.streams.ingest.panes import Panes, SavedPane
from watchkeeper.streams.ingest.quarantine import Quarantine
from watchkeeper.streams.ingest.quotas import Exceeded
from watchkeeper.streams.ingest.replays import Replays
from watchkeeper.streams.ingest.spans import PaneGrid, Times
from watchkeeper.streams.ingest.tally import SubjectTally, Tallies
from watchkeeper.streams.topics.partitioning import partition_of

MISTIMED_MAX = 100_000
"""Limit for the saved offsets of mistimed events per topic. Chosen by hand; it bounds the checkpoint."""


class PartitionState(msgspec.Struct):
    """The state in a checkpoint. The fields are those of `Partition`."""

    clocks: list[tuple[Kind, str, Clock]]
    panes: list[SavedPane]
    accounts: dict[str, Account]
    labels: LabelAccount
    needs: dict[str, int]
    needed_clocks: dict[str, dict[str, int]]
    evicted: int
    replays: dict[str, Replays] = {}
    quarantines: dict[str, Quarantine] = {}
    mistimed: dict[str, list[int]] = {}
    since: dict[str, dict[str, int]] = {}
    given_up: tuple[int, int] = (BEGINNING_MS, BEGINNING_MS)
    clamped: dict[str, list[Clamped]] = {}
    tallies: dict[str, SubjectTally] = {}
    exceeded: Exceeded = msgspec.field(default_factory=Exceeded)


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(PartitionState)


class Partition:
    """Clocks, panes, waiting predictions and accounts of one partition.

    Args:
        number: The number of the partition.
        partitions: Number of partitions of the topic that panes are sent to.
        subjects: The decoders and intakes of all subjects.
    """

    def __init__(self, number: int, partitions: int, subjects: Subjects) -> None:
        self.source = f"ingest/{number}"
        self.partitions = partitions
        self.subjects = subjects
        self.clocks: dict[tuple[Kind, str], Clock] = {}
        self.panes = Panes()
        self.join = Join()
        self.exceeded = Exceeded()
        self.accounts = {topic: Account() for topic in ("predictions", "labels", "features")}
        self.labels = LabelAccount()
        self.tallies = Tallies(self.source)
        self.replays: dict[str, Replays] = {}
        self.quarantines: dict[str, Quarantine] = {}
        self.mistimed: dict[str, list[int]] = {}
        """By topic, the offsets of events that were refused or late because of the wall clock."""
        self.since: dict[str, dict[str, int]] = {}
        """By topic and subject, the first offset whose events are admitted. Earlier ones had no monitor."""
        self.given_up = (BEGINNING_MS, BEGINNING_MS)
        """Labels that name no model are orphans if they are before the first time and were appended before
        the second."""
        self.clamped: dict[str, list[Clamped]] = {}
        """By topic, the chunks with events ahead of the worker's clock, which was their bound."""
        self._admitted: dict[str, object] = {}
        """By topic, the intakes that `since` was last updated for."""
        self.needs: dict[str, int] = {}
        """By topic, the offset from which records must be read again after a restart."""
        self.needed_clocks: dict[str, dict[str, Clock]] = {}
        """By topic and subject, the clocks at the offsets of `needs`."""
        self.outputs: list[Message] = []
        """The messages since the last call of `IngestFold.outputs`."""

    def admit_from(self, topic: str, offset: int) -> None:
        """Record that events of all monitored subjects are admitted from an offset, or earlier."""
        watched = self.subjects.intakes
        if self._admitted.get(topic) is watched:
            return
        self._admitted[topic] = watched
        self.exceeded.rows = {name: each for name, each in self.exceeded.rows.items() if name in watched}
        known = self.since.get(topic)
        if known is None:
            self.since[topic] = dict.fromkeys(watched, 0)  # no earlier event was refused in this partition
        else:
            self.since[topic] = {name: known.get(name, offset) for name in watched}

    def note_clamped(self, topic: str, records: Sequence[Record], limits: Times) -> None:
        """Save the bounds of a chunk with events ahead of them, if they are not the broker's times.

        Args:
            topic: The topic of the records.
            records: The chunk.
            limits: The bounds of the records.
        """
        by_clock = [i for i, record in enumerate(records) if record.timestamp_type != LOG_APPEND_TIME]
        if by_clock and topic != "features":
            chunk = Clamped(records[0].offset, records[-1].offset, int(limits[by_clock[0]]))
            self.clamped.setdefault(topic, []).append(chunk)

    def was_admitted(self, topic: str, subject: str, offset: int) -> bool:
        """Return whether an event was admitted. An event that arrived before its monitor was refused."""
        known = self.since.get(topic)
        return known is None or offset >= known.get(subject, LAST_OFFSET)

    def forget_offsets(self, topic: str, first: int) -> None:
        """Forget what refers to offsets of a topic from `first` on: they are other records now.

        Predictions that wait for labels and were there can't be read again: their labels become orphans.
        """
        since = self.since.pop(topic, None)
        if since is not None and first:
            self.since[topic] = {name: min(at, first) for name, at in since.items()}
        self._admitted.pop(topic, None)
        self.mistimed[topic] = [offset for offset in self.mistimed.get(topic, ()) if offset < first]
        self.clamped[topic] = [chunk for chunk in self.clamped.get(topic, ()) if chunk.last < first]
        counted = self.replays.pop(topic, Replays()).counted
        self.replays[topic] = Replays({origin: at for origin, at in counted.items() if at < first})
        if self.needs.get(topic, -1) >= first:
            del self.needs[topic]
            self.needed_clocks.pop(topic, None)

    def clock(self, kind: Kind, subject: str) -> Clock:
        """Return the clock of a subject's events of a kind."""
        return self.clocks.setdefault((kind, subject), Clock())

    def reached_ms(self) -> dict[Kind, int]:
        """Return for each kind the latest time up to which a subject's panes are closed."""
        reached: dict[Kind, int] = {}
        for (kind, _), clock in self.clocks.items():
            if clock.closed_ms > BEGINNING_MS:
                reached[kind] = max(reached.get(kind, BEGINNING_MS), clock.closed_ms)
        return reached

    def close(self, kind: Kind, subject: str, panes: PaneGrid) -> None:
        """Close the panes whose time is over, by event time, and send them to evaluate."""
        clock = self.clock(kind, subject)
        clock.advance(panes.closed_to(self._reached_ms(kind, subject)))
        self._emit_panes(kind, subject, clock)

    def close_by_wall_clock(self, kind: Kind, subject: str, panes: PaneGrid, now_ms: int) -> None:
        """Close the open panes of an idle subject, if the wall clock has passed them, too."""
        end_ms = self.panes.last_end_ms(kind, subject)
        if end_ms is not None and end_ms + panes.spans.at(end_ms - 1).lateness_ms < now_ms:
            clock = self.clock(kind, subject)
            clock.advance(end_ms)
            self._emit_panes(kind, subject, clock)

    def close_idle_labels(self, subject: str, panes: PaneGrid, held_ms: int | None) -> None:
        """Close the panes of labels that their own time has passed, as no predictions are there to pass them.

        Args:
            subject: The subject. Its predictions are idle.
            panes: Its panes.
            held_ms: The pane of this time, and those after it, stay open; None for no limit.
        """
        clock = self.clock("labels", subject)
        closed_ms = panes.closed_to(clock.latest_ms)
        clock.advance(closed_ms if held_ms is None else min(closed_ms, panes.start(held_ms)))
        self._emit_panes("labels", subject, clock)

    def _reached_ms(self, kind: Kind, subject: str) -> int:
        latest_ms = self.clock(kind, subject).latest_ms
        if kind == "labels":
            # A label counts once its prediction is known. So its pane stays open until predictions pass it.
            return min(latest_ms, self.clock("predictions", subject).latest_ms)
        return latest_ms

    def _emit_panes(self, kind: Kind, subject: str, clock: Clock) -> None:
        if clock.closed_ms > clock.sent_ms:
            for pane in self.panes.close(kind, subject, clock.closed_ms):
                self._send(subject, _encode(pane))

    def send_times(self, kind: Kind, subjects: Iterable[str], now_ms: int) -> None:
        """Send the clocks of subjects to evaluate. Call it after their panes are closed."""
        for subject in subjects:
            clock = self.clock(kind, subject)
            clock.sent_ms = clock.closed_ms
            idle = [subject] if clock.idle else []
            times = {kind: {subject: clock.closed_ms}}
            self._send(subject, _encode(Watermark(self.source, now_ms, times, {kind: idle} if idle else {})))

    def bound(self) -> None:
        """Forget waiting predictions and labels beyond the limit, and count them."""
        for subject, forgotten in self.join.bound().items():
            self.exceeded.add(subject, "waiting", forgotten)

    def send_accounts(self, now_ms: int) -> None:
        """Send the accounts of subjects with trouble to evaluate."""
        for report in self.tallies.reports(now_ms, self._window_ms):
            self._send(report.subject, _encode(report))

    def _window_ms(self, subject: str) -> int | None:
        intake = self.subjects.intakes.get(subject)
        return milliseconds(intake.watched.latest.monitor.windows.size) if intake else None

    def heartbeat(self, now_ms: int) -> list[Message]:
        """Return a message to each partition of evaluate if any subject is idle: those are still idle."""
        if not any(clock.idle for clock in self.clocks.values()):
            return []
        value = _encode(Watermark(self.source, now_ms, {}, {}))
        return [Message("profiles", self.source.encode(), value, p) for p in range(self.partitions)]

    def _send(self, subject: str, value: bytes) -> None:
        target = partition_of(subject, self.partitions)
        self.outputs.append(Message("profiles", subject.encode(), value, target))

    def snapshot(self) -> bytes:
        """Encode the state. Of waiting predictions it contains only the offsets to read them from."""
        clocks = [(kind, subject, clock) for (kind, subject), clock in self.clocks.items()]
        needs = self.join.needs()
        self.mistimed = {
            topic: [offset for offset in offsets if offset >= needs[topic]][-MISTIMED_MAX:]
            for topic, offsets in self.mistimed.items()
            if topic in needs
        }
        self.clamped = {
            topic: [chunk for chunk in chunks if chunk.last >= needs[topic]][-CLAMPED_MAX:]
            for topic, chunks in self.clamped.items()
            if topic in needs
        }
        saved = PartitionState(
            clocks,
            self.panes.freeze(),
            self.accounts,
            self.labels,
            needs,
            self.join.clocks(),
            self.join.evicted,
            self.replays,
            self.quarantines,
            self.mistimed,
            self.since,
            self.given_up,
            self.clamped,
            self.tallies.saved(),
            self.exceeded,
        )
        return _encode(saved)

    def restore(self, state: bytes) -> None:
        """Load a snapshot."""
        saved = _decoder.decode(state)
        self.clocks = {(kind, subject): clock for kind, subject, clock in saved.clocks}
        self.panes.thaw(saved.panes)
        self.accounts = saved.accounts
        self.labels = saved.labels
        self.replays = saved.replays
        self.quarantines = saved.quarantines
        self.mistimed = saved.mistimed
        self.since = saved.since
        self.given_up = saved.given_up
        self.clamped = saved.clamped
        self.tallies = Tallies(self.source, saved.tallies)
        self.exceeded = saved.exceeded
        self.needs = saved.needs
        self.needed_clocks = {
            topic: {name: Clock(latest_ms=ms) for name, ms in clocks.items()}
            for topic, clocks in saved.needed_clocks.items()
        }
        self.join = Join()
        self.join.evicted = saved.evicted
