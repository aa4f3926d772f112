"""The state of ingest in one partition. The intakes of rows and labels share it."""

from collections.abc import Iterable

import msgspec

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import Watermark
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.fold.protocol import LAST_OFFSET, Message
from watchkeeper.streams.ingest.accounts import Account, LabelAccount
from watchkeeper.streams.ingest.clock import Clock
from watchkeeper.streams.ingest.intakes import Subjects
from watchkeeper.streams.ingest.join import Join
from watchkeeper.streams.ingest.panes import Panes, SavedPane
from watchkeeper.streams.ingest.quarantine import Quarantine
from watchkeeper.streams.ingest.replays import Replays
from watchkeeper.streams.ingest.spans import PaneGrid
from watchkeeper.streams.topics.partitioning import partition_of

MISTIMED_MAX = 100_000


class PartitionState(msgspec.Struct):
    """All of the state, in a checkpoint."""

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


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(PartitionState)


class Partition:
    """Clocks, panes, waiting predictions and accounts of one partition."""

    def __init__(self, number: int, partitions: int, subjects: Subjects) -> None:
        self.source = f"ingest/{number}"
        self.partitions = partitions
        self.subjects = subjects
        self.clocks: dict[tuple[Kind, str], Clock] = {}
        self.panes = Panes()
        self.join = Join()
        self.accounts = {topic: Account() for topic in ("predictions", "labels", "features")}
        self.labels = LabelAccount()
        self.replays: dict[str, Replays] = {}
        self.quarantines: dict[str, Quarantine] = {}
        self.mistimed: dict[str, list[int]] = {}
        """By topic, the offsets of events that were refused or late because of the wall clock."""
        self.since: dict[str, dict[str, int]] = {}
        """By topic and subject, the first offset whose events are let in; earlier ones were refused."""
        self._let_in: dict[str, object] = {}
        self.needs: dict[str, int] = {}
        self.needed_clocks: dict[str, dict[str, Clock]] = {}
        self.outputs: list[Message] = []

    def let_in(self, topic: str, offset: int) -> None:
        """Record the offset from which the subjects that are watched now are let in."""
        watched = self.subjects.intakes
        if self._let_in.get(topic) is watched:
            return
        self._let_in[topic] = watched
        known = self.since.get(topic)
        if known is None:
            self.since[topic] = dict.fromkeys(watched, 0)  # nothing before was refused here
        else:
            self.since[topic] = {name: known.get(name, offset) for name in watched}

    def was_let_in(self, topic: str, subject: str, offset: int) -> bool:
        """Whether an event of a subject was let in; one that came before its monitor was refused."""
        known = self.since.get(topic)
        return known is None or offset >= known.get(subject, LAST_OFFSET)

    def clock(self, kind: Kind, subject: str) -> Clock:
        """Return the clock of a subject's events of a kind."""
        return self.clocks.setdefault((kind, subject), Clock())

    def reached_ms(self) -> dict[Kind, int]:
        """Return, per kind, the furthest time that any subject's panes are closed to."""
        reached: dict[Kind, int] = {}
        for (kind, _), clock in self.clocks.items():
            if clock.closed_ms > BEGINNING_MS:
                reached[kind] = max(reached.get(kind, BEGINNING_MS), clock.closed_ms)
        return reached

    def close(self, kind: Kind, subject: str, panes: PaneGrid) -> None:
        """Close the panes that event time has passed, and send them to evaluate."""
        clock = self.clock(kind, subject)
        clock.advance(panes.closed_to(self._reached_ms(kind, subject)))
        self._emit_panes(kind, subject, clock)

    def close_by_wall_clock(self, kind: Kind, subject: str, panes: PaneGrid, now_ms: int) -> None:
        """Close the open panes of an idle subject, if the wall clock has passed them too."""
        end_ms = self.panes.last_end_ms(kind, subject)
        if end_ms is not None and end_ms + panes.spans.at(end_ms - 1).lateness_ms < now_ms:
            clock = self.clock(kind, subject)
            clock.advance(end_ms)
            self._emit_panes(kind, subject, clock)

    def _reached_ms(self, kind: Kind, subject: str) -> int:
        latest_ms = self.clock(kind, subject).latest_ms
        predictions = self.clock("predictions", subject)
        if kind == "labels" and not predictions.idle:
            # A label counts once its prediction is known. So its pane stays open until predictions reach it.
            return min(latest_ms, predictions.latest_ms)
        return latest_ms

    def _emit_panes(self, kind: Kind, subject: str, clock: Clock) -> None:
        if clock.closed_ms > clock.sent_ms:
            for pane in self.panes.close(kind, subject, clock.closed_ms):
                self._tell(subject, _encode(pane))

    def tell_times(self, kind: Kind, subjects: Iterable[str], now_ms: int) -> None:
        """Send evaluate the clocks of these subjects. Call it after their panes are closed."""
        for subject in subjects:
            clock = self.clock(kind, subject)
            clock.sent_ms = clock.closed_ms
            idle = [subject] if clock.idle else []
            times = {kind: {subject: clock.closed_ms}}
            self._tell(subject, _encode(Watermark(self.source, now_ms, times, {kind: idle} if idle else {})))

    def heartbeat(self, now_ms: int) -> list[Message]:
        """Return a message to every partition of evaluate: the idle subjects are still idle."""
        if not any(clock.idle for clock in self.clocks.values()):
            return []
        value = _encode(Watermark(self.source, now_ms, {}, {}))
        return [Message("profiles", self.source.encode(), value, p) for p in range(self.partitions)]

    def _tell(self, subject: str, value: bytes) -> None:
        target = partition_of(subject, self.partitions)
        self.outputs.append(Message("profiles", subject.encode(), value, target))

    def snapshot(self) -> bytes:
        """Encode the state; waiting predictions only as the offsets to read them from again."""
        clocks = [(kind, subject, clock) for (kind, subject), clock in self.clocks.items()]
        needs = self.join.needs()
        self.mistimed = {
            topic: [offset for offset in offsets if offset >= needs[topic]][-MISTIMED_MAX:]
            for topic, offsets in self.mistimed.items()
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
        )
        return _encode(saved)

    def restore(self, state: bytes) -> None:
        """Take over a snapshot."""
        saved = _decoder.decode(state)
        self.clocks = {(kind, subject): clock for kind, subject, clock in saved.clocks}
        self.panes.thaw(saved.panes)
        self.accounts = saved.accounts
        self.labels = saved.labels
        self.replays = saved.replays
        self.quarantines = saved.quarantines
        self.mistimed = saved.mistimed
        self.since = saved.since
        self.needs = saved.needs
        self.needed_clocks = {
            topic: {name: Clock(latest_ms=ms) for name, ms in clocks.items()}
            for topic, clocks in saved.needed_clocks.items()
        }
        self.join = Join()
        self.join.evicted = saved.evicted
