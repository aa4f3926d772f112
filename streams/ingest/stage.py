"""The first stage: turns the events of a partition into panes.

It decodes a chunk, rejects events that can't be used, joins labels to predictions, and adds rows to panes by
event time. It sends a pane to evaluate once event time has passed the pane's end by the allowed lateness.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import get_args

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.times import BEGINNING_MS, END_MS
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.fold.rejected_share import RejectedShare
from watchkeeper.streams.ingest.account_check import AccountCheck
from watchkeeper.streams.ingest.clock import Clock
from watchkeeper.streams.ingest.early_labels import LabelValue
from watchkeeper.streams.ingest.envelope import EventRefusal
from watchkeeper.streams.ingest.gate import Gate
from watchkeeper.streams.ingest.intakes import MonitorsInForce, Subjects
from watchkeeper.streams.ingest.labels import LabelsIntake
from watchkeeper.streams.ingest.partition import Partition
from watchkeeper.streams.ingest.quarantine import RejectedLimit
from watchkeeper.streams.ingest.reading import AHEAD_MS_MAX, Decoded, Reading
from watchkeeper.streams.ingest.rows import RowsIntake, batches

KINDS: tuple[Kind, ...] = get_args(Kind)
CERTAIN_MS = 500
"""For how many ms the report that a topic is read to its end makes idleness certain. Chosen by hand."""
RECENT_MS = 2500
"""For how many ms the report that a topic is read to its end is recent. Workers report each second."""


class IngestFold(BaseFold):
    """Folds predictions, labels and features of one partition into panes. See `streams/fold/protocol.py`.

    Args:
        number: The number of the partition.
        partitions: Number of partitions of the topic that panes are sent to.
        registry: The monitors and references in force.
        idle_ms: A subject without rows for this long is idle, once its topic is read to its end.
        limit: The limit of rejections.
        common: What all partitions of the worker share; None if there is only one.
    """

    def __init__(
        self,
        number: int,
        partitions: int,
        registry: MonitorsInForce,
        idle_ms: int = 5_000,
        limit: RejectedLimit = RejectedLimit(),  # noqa: B008 - it never changes
        common: Subjects | None = None,
    ) -> None:
        self._idle_ms = idle_ms
        self._subjects = Subjects(registry, common)
        self.partition = Partition(number, partitions, self._subjects)
        self.check = AccountCheck(self.partition.accounts)
        self.gate = Gate(self.partition, number, limit)
        self._reading = Reading(self._subjects)
        self._labels = LabelsIntake(self.partition)
        self._rows = {kind: RowsIntake(self.partition, kind) for kind in KINDS}
        self._began_ms: int | None = None
        self._beat_ms = 0
        self._caught_up_ms: dict[Kind, int] = {}
        self._in_sight_ms: dict[Kind, int] = {}

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Fold a chunk of one topic. Records that can't be used go to `rejected`."""
        if not records:
            return
        self._subjects.refresh()
        self.check.note(topic, len(records))
        self.partition.admit_from(topic, records[0].offset)
        records = self.gate.admit(topic, records)
        refused = (
            self._fold_labels(records, now_ms)
            if topic == "labels"
            else self._fold_rows("features" if topic == "features" else "predictions", records, now_ms)
        )
        self.gate.reject(topic, records, refused, now_ms)
        self.partition.send_accounts(now_ms)

    def has_unwatched(self, topic: str, records: Sequence[Record]) -> bool:
        """Return whether a chunk has events of subjects without a monitor."""
        self._subjects.refresh()
        return self._reading.has_unwatched(topic, records)

    def _fold_rows(self, kind: Kind, records: Sequence[Record], now_ms: int) -> dict[int, EventRefusal]:
        decoded = self._reading.rows(kind, records, now_ms)
        self._count_others(kind, decoded.others)
        for subject, rows in decoded.rows.items():
            if self.partition.clock(kind, subject).see(now_ms):
                self.partition.send_times(kind, [subject], now_ms)
            self._note_late_by_clock(kind, subject, records, decoded)
            places = self._rows[kind].place(subject, rows)
            before_ms = self.partition.clock(kind, subject).before_ms
            for batch, index in batches(self.partition, subject, rows):
                at = places.take(index)
                repeats: list[int] = []
                if kind == "predictions":
                    repeats, matches = self._labels.wait(batch, batch.columns.scores, at.late, before_ms)
                    self._labels.add(matches)
                self._rows[kind].add(batch, at, repeats)
            self._close(kind, subject, now_ms)
        self.partition.bound()
        return decoded.refused

    def _count_others(self, kind: Kind, others: Mapping[int, str]) -> None:
        """Count events of environments that nobody watches, for every subject of the name."""
        self.partition.accounts[kind].other_environment += len(others)
        for name, count in Counter(others.values()).items():
            for subject in self._subjects.named[name]:
                self.partition.tallies.of(subject).of(kind).other += count

    def _note_late_by_clock(
        self, kind: Kind, subject: str, records: Sequence[Record], decoded: Decoded
    ) -> None:
        """Record predictions that are late only by the wall clock: read again, they would be in time."""
        panes = self._subjects.intakes[subject].panes
        late = self.partition.clock(kind, subject).late_by_clock(decoded.rows[subject].times, panes)
        if late.size and kind == "predictions":
            at = (decoded.at[decoded.events[subject][row]] for row in late.tolist())
            self.partition.mistimed.setdefault(kind, []).extend(records[index].offset for index in at)

    def _fold_labels(self, records: Sequence[Record], now_ms: int) -> dict[int, EventRefusal]:
        truths, refused, others = self._reading.truths(records, now_ms)
        truths = [self._in_time(truth, now_ms) for truth in truths]
        self._count_others("labels", others)
        self._labels.add(self._labels.match(truths))
        for subject, _ in self._subjects.of_kind("labels"):
            self._close("labels", subject, now_ms)
        self.partition.accounts["labels"].accepted += len(records) - len(refused) - len(others)
        self.partition.bound()
        return refused

    def _in_time(self, truth: LabelValue, now_ms: int) -> LabelValue:
        """Advance the clocks of a label's subjects; return the label with the time they had before."""
        subjects = [truth.model] if truth.model else [name for name, _ in self._subjects.of_kind("labels")]
        latest_ms = BEGINNING_MS
        for subject in subjects:
            clock = self.partition.clock("labels", subject)
            if clock.see(now_ms):
                self.partition.send_times("labels", [subject], now_ms)
            latest_ms = max(latest_ms, clock.latest_ms)
            clock.latest_ms = max(clock.latest_ms, truth.label_ms)
        return truth._replace(latest_ms=latest_ms)

    def _close(self, kind: Kind, subject: str, now_ms: int) -> None:
        panes = self._subjects.intakes[subject].panes
        labelled = kind == "predictions" and self._subjects.is_of_kind(subject, "labels")
        kinds: list[Kind] = ["predictions", "labels"] if labelled else [kind]
        for each in kinds:
            self.partition.close(each, subject, panes)
            clock = self.partition.clock(each, subject)
            if clock.closed_ms > clock.sent_ms:
                self.partition.send_times(each, [subject], now_ms)
        if kind != "features":
            self._labels.expire(subject)

    def tick(self, now_ms: int) -> None:
        """Record when the partition began to be read, from which idle time counts; send what is due."""
        if self._began_ms is None:
            self._began_ms = now_ms
        self.partition.send_accounts(now_ms)

    def caught_up(self, topic: str, now_ms: int) -> None:
        """Record that a topic is read to its end: subjects without rows for a while are idle, not behind."""
        self.tick(now_ms)
        self._subjects.refresh()
        kind: Kind = topic  # type: ignore[assignment]  # the three source topics have the names of their kinds
        if self._in_sight_ms.get(kind) == END_MS:
            self._in_sight_ms[kind] = now_ms
        since_ms = max(self._began_ms or 0, self._in_sight_ms.get(kind, 0))
        for subject, intake in self._subjects.of_kind(kind):
            clock = self.partition.clock(kind, subject)
            clock.seen_ms = min(clock.seen_ms, now_ms)  # the previous worker's clock may have been ahead
            if now_ms - max(clock.seen_ms, since_ms) < self._idle_ms:
                continue
            if kind == "labels" and self._wait_for_predictions(subject, now_ms):
                continue
            self.partition.close_by_wall_clock(kind, subject, intake.panes, now_ms)
            # The rows of an open pane are still to be sent, so the subject is not idle until it closes.
            newly = not clock.idle and self.partition.panes.last_end_ms(kind, subject) is None
            clock.idle = clock.idle or newly
            if newly or clock.closed_ms > clock.sent_ms:
                self.partition.send_times(kind, [subject], now_ms)
        self._caught_up_ms[kind] = now_ms
        if not self._is_idle_certain(now_ms):
            return
        if now_ms - self._beat_ms >= self._idle_ms // 2 and not self.partition.outputs:
            self._beat_ms = now_ms
            self.partition.outputs.extend(self.partition.heartbeat(now_ms))

    def _wait_for_predictions(self, subject: str, now_ms: int) -> bool:
        """Return whether the labels' predictions may be published but not read yet. Then no label is late."""
        if now_ms - self._caught_up_ms.get("predictions", 0) <= RECENT_MS:
            return False
        predictions, labels = (self.partition.clock(kind, subject) for kind in ("predictions", "labels"))
        return predictions.latest_ms < labels.latest_ms

    def end_unknown(self, topic: str) -> None:
        """Record that the end of a topic is unknown, because the broker is down.

        Publishers send the events of an outage later. So idle time starts again once the end is known.
        """
        kind: Kind = topic  # type: ignore[assignment]
        self._in_sight_ms[kind] = END_MS

    def _is_idle_certain(self, now_ms: int) -> bool:
        """Return whether every topic has just been read to its end. A heartbeat covers all of them."""
        return all(
            now_ms - self._caught_up_ms.get(kind, 0) <= CERTAIN_MS
            and now_ms - self._in_sight_ms.get(kind, 0) >= self._idle_ms
            for kind in KINDS
        )

    def outputs(self) -> list[Message]:
        """Return panes, watermarks and rejections since the last call."""
        outputs, self.partition.outputs = self.partition.outputs, []
        return outputs

    def rejected_shares(self) -> Sequence[RejectedShare]:
        """Return the shares of rejected events without a subject that exceed the limit."""
        return self.gate.excesses()

    def snapshot(self) -> bytes:
        """Encode the state of the partition."""
        return self.partition.snapshot()

    def restore(self, state: bytes) -> None:
        """Load a snapshot. `remember` restores the waiting predictions."""
        self.partition.restore(state)
        self.check = AccountCheck(self.partition.accounts)

    def needs(self) -> Mapping[str, int]:
        """Return the offsets from which predictions and labels must be read again."""
        return self.partition.needs

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Rebuild the waiting predictions and their labels from records that were folded before."""
        self._subjects.refresh()
        records = self.gate.known(topic, records)
        now_ms = records[-1].timestamp if records else 0
        clocks = self.partition.needed_clocks.setdefault(topic, {})
        if topic == "labels":
            truths, _, _ = self._reading.truths(records, now_ms + AHEAD_MS_MAX)
            truths = [t for t in truths if t.model is None or self._was_admitted(topic, t.model, t.offset)]
            self._labels.match([_as_before(truth, clocks) for truth in truths])
            self._labels.forget_orphans()
            return
        for part in self._split(topic, records):
            self._remember_rows(part, now_ms + AHEAD_MS_MAX, clocks)

    def _was_admitted(self, topic: str, subject: str, offset: int) -> bool:
        return self.partition.was_admitted(topic, subject, offset)

    def _split(self, topic: str, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """Split records at the offsets from which a subject's events are admitted."""
        starts = self.partition.since.get(topic, {}).values()
        cuts = {bisect_left(records, start, key=attrgetter("offset")) for start in set(starts)}
        for first, end in pairwise(sorted({0, *cuts, len(records)})):
            yield records[first:end]

    def _remember_rows(self, records: Sequence[Record], now_ms: int, clocks: dict[str, Clock]) -> None:
        for subject, rows in self._reading.rows("predictions", records, now_ms).rows.items():
            if not self._was_admitted("predictions", subject, rows.offset):
                continue
            clock = clocks.setdefault(subject, Clock())
            late, _ = clock.late(rows.times, self._subjects.intakes[subject].panes)
            for batch, index in batches(self.partition, subject, rows):
                scores = batch.intake.columnizer.scores(batch.rows.events)
                self._labels.wait(batch, scores, late if index is None else late[index], clock.before_ms)


def _as_before(truth: LabelValue, clocks: dict[str, Clock]) -> LabelValue:
    """Return the label with the time that labels had reached when it first arrived."""
    every = clocks.setdefault("", Clock())  # labels that name no model are for all models
    own = clocks.setdefault(truth.model or "", Clock())
    latest_ms = own.latest_ms
    for clock in (own, every) if truth.model else clocks.values():
        clock.latest_ms = max(clock.latest_ms, truth.label_ms)
    return truth._replace(latest_ms=latest_ms)
