"""The first stage: turns the events of a partition into panes.

It decodes a chunk, rejects events that can't be used, joins labels to predictions, and adds rows to panes by
event time. It sends a pane to evaluate once event time has passed the pane's end by the allowed lateness.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.times import BEGINNING_MS, END_MS
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.fold.rejected_share import RejectedShare
from watchkeeper.streams.ingest.account_check import AccountCheck
from watchkeeper.streams.ingest.append_times import bounds
from watchkeeper.streams.ingest.early_labels import LabelValue
from watchkeeper.streams.ingest.envelope import EventRefusal
from watchkeeper.streams.ingest.gate import Gate
from watchkeeper.streams.ingest.intakes import MonitorsInForce, Subjects
from watchkeeper.streams.ingest.labels import LabelsIntake
from watchkeeper.streams.ingest.partition import Partition
from watchkeeper.streams.ingest.publisher_clocks import Timed, measure, measure_ahead
from watchkeeper.streams.ingest.quarantine import RejectedLimit
from watchkeeper.streams.ingest.reading import Decoded, DecodedLabels, Reading
from watchkeeper.streams.ingest.rereading import Rereading
from watchkeeper.streams.ingest.rows import RowsIntake, batches
from watchkeeper.streams.ingest.spans import PaneGrid, Times

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
        early_ms: For how long after it was appended a label without a prediction holds its pane open, if the
            predictions of its subject are idle.
    """

    def __init__(
        self,
        number: int,
        partitions: int,
        registry: MonitorsInForce,
        idle_ms: int = 5_000,
        limit: RejectedLimit = RejectedLimit(),  # noqa: B008 - it never changes
        common: Subjects | None = None,
        early_ms: int = 300_000,
    ) -> None:
        self._idle_ms = idle_ms
        self._early_ms = early_ms
        self._subjects = Subjects(registry, common)
        self.partition = Partition(number, partitions, self._subjects)
        self.check = AccountCheck(self.partition.accounts)
        self.gate = Gate(self.partition, number, limit)
        self._reading = Reading(self._subjects)
        self._labels = LabelsIntake(self.partition)
        self._rereading = Rereading(self.partition, self._reading, self._labels)
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
        self._labels.expire_unnamed()
        self.partition.bound()
        self.gate.reject(topic, records, refused, now_ms)
        self.partition.send_accounts(now_ms)

    def has_unwatched(self, topic: str, records: Sequence[Record]) -> bool:
        """Return whether a chunk has events of subjects without a monitor."""
        self._subjects.refresh()
        return self._reading.has_unwatched(topic, records)

    def _fold_rows(self, kind: Kind, records: Sequence[Record], now_ms: int) -> dict[int, EventRefusal]:
        limits = bounds(records, now_ms)
        decoded = self._reading.rows(kind, records, limits)
        self._count_others(kind, decoded.others)
        if decoded.clamped:
            self.partition.note_clamped(kind, records, limits)
        measure_ahead(self.partition.tallies, kind, records, decoded.ahead)
        for subject, rows in decoded.rows.items():
            if self.partition.clock(kind, subject).see(now_ms):
                self.partition.send_times(kind, [subject], now_ms)
            self._note_late_by_clock(kind, subject, records, decoded)
            places = self._rows[kind].place(subject, rows)
            at = decoded.of(subject)
            timed = Timed(records, limits, at, rows.times, places.late)
            measure(self.partition.tallies, kind, subject, timed)
            before_ms = self.partition.clock(kind, subject).before_ms
            for batch, index in batches(self.partition, subject, rows):
                here = places.take(index)
                repeats: list[int] = []
                if kind == "predictions":
                    repeats, matches = self._labels.wait(batch, batch.columns.scores, here.late, before_ms)
                    self._labels.add(matches)
                self._rows[kind].add(batch, here, repeats)
            self._close(kind, subject, now_ms)
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
        rows = decoded.rows[subject]
        late = self.partition.clock(kind, subject).late_by_clock(rows.times, panes, rows.reach)
        if late.size and kind == "predictions":
            at = decoded.of(subject)
            offsets = (records[at[row]].offset for row in late.tolist())
            self.partition.mistimed.setdefault(kind, []).extend(offsets)

    def _fold_labels(self, records: Sequence[Record], now_ms: int) -> dict[int, EventRefusal]:
        limits = bounds(records, now_ms)
        decoded = self._reading.truths(records, limits)
        self._count_others("labels", decoded.others)
        if decoded.clamped:
            self.partition.note_clamped("labels", records, limits)
        self._measure_labels(records, limits, decoded)
        truths = [self._in_time(truth, now_ms) for truth in decoded.truths]
        self._labels.add(self._labels.match(truths))
        for subject in self._subjects.of_labels({truth.model for truth in truths}):
            self._close("labels", subject, now_ms)
        accepted = len(records) - len(decoded.refused) - len(decoded.others)
        self.partition.accounts["labels"].accepted += accepted
        return decoded.refused

    def _measure_labels(self, records: Sequence[Record], limits: Times, decoded: DecodedLabels) -> None:
        measure_ahead(self.partition.tallies, "labels", records, decoded.ahead)
        named: dict[str, list[int]] = {}
        for i, truth in enumerate(decoded.truths):
            if truth.model is not None:
                named.setdefault(truth.model, []).append(i)
        for model, index in named.items():
            at, times = [decoded.at[i] for i in index], [decoded.truths[i].label_ms for i in index]
            timed = Timed(records, limits, at, times, np.zeros(len(index), dtype=np.bool_))
            measure(self.partition.tallies, "labels", model, timed)

    def _in_time(self, truth: LabelValue, now_ms: int) -> LabelValue:
        """Advance the clocks of a label's subjects; return the label with the time they had before."""
        subjects = [truth.model] if truth.model else [name for name, _ in self._subjects.of_kind("labels")]
        latest_ms = BEGINNING_MS
        for subject in subjects:
            clock = self.partition.clock("labels", subject)
            if clock.see(now_ms):
                self.partition.send_times("labels", [subject], now_ms)
            latest_ms = max(latest_ms, clock.latest_ms)
            clock.latest_ms = max(clock.latest_ms, truth.reach_ms)
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
            is_awaited = kind == "labels" and self._is_prediction_awaited(subject, intake.panes, now_ms)
            if is_awaited or now_ms - max(clock.seen_ms, since_ms) < self._idle_ms:
                continue
            self.partition.close_by_wall_clock(kind, subject, intake.panes, now_ms)
            # The rows of an open pane are still to be sent, so the subject is not idle until it closes.
            newly = not clock.idle and self.partition.panes.last_end_ms(kind, subject) is None
            clock.idle = clock.idle or newly
            if newly or clock.closed_ms > clock.sent_ms:
                self.partition.send_times(kind, [subject], now_ms)
            if kind == "labels" and clock.idle:
                self._labels.expire_unlabelled(subject)
        self._caught_up_ms[kind] = now_ms
        if kind == "labels" and self._are_predictions_read(now_ms):
            self._labels.give_up_unnamed(now_ms - self._early_ms)
        if not self._is_idle_certain(now_ms):
            return
        if now_ms - self._beat_ms >= self._idle_ms // 2 and not self.partition.outputs:
            self._beat_ms = now_ms
            self.partition.outputs.extend(self.partition.heartbeat(now_ms))

    def _are_predictions_read(self, now_ms: int) -> bool:
        """Return whether the topic of predictions was just read to its end."""
        return now_ms - self._caught_up_ms.get("predictions", 0) <= RECENT_MS

    def _is_prediction_awaited(self, subject: str, panes: PaneGrid, now_ms: int) -> bool:
        """Return whether predictions of labels may still arrive, so that the wall clock closes no labels.

        If none can, labels close by their own time.
        """
        predictions, labels = (self.partition.clock(kind, subject) for kind in ("predictions", "labels"))
        early = self.partition.join.early
        if not self._are_predictions_read(now_ms):
            return predictions.latest_ms < labels.latest_ms or early.is_awaited(subject)
        held_ms = early.held_ms(subject, now_ms - self._early_ms)
        if predictions.idle:
            self.partition.close_idle_labels(subject, panes, held_ms)
            if labels.closed_ms > labels.sent_ms:
                self.partition.send_times("labels", [subject], now_ms)
        return held_ms is not None

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

    def log_changed(self, topic: str, first: int) -> None:
        """Forget what refers to offsets from `first` on. Open panes, clocks and accounts stay."""
        self.partition.forget_offsets(topic, first)

    def needs(self) -> Mapping[str, int]:
        """Return the offsets from which predictions and labels must be read again."""
        return self.partition.needs

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Rebuild the waiting predictions and their labels from records that were folded before."""
        self._subjects.refresh()
        self._rereading.remember(topic, self.gate.known(topic, records))
