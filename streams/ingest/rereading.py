"""Rebuilds the waiting predictions and labels of a partition from records that were folded before."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import attrgetter

from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.append_times import bounds_again
from watchkeeper.streams.ingest.clock import Clock
from watchkeeper.streams.ingest.early_labels import LabelValue
from watchkeeper.streams.ingest.labels import LabelsIntake
from watchkeeper.streams.ingest.partition import Partition
from watchkeeper.streams.ingest.reading import Reading
from watchkeeper.streams.ingest.rows import batches
from watchkeeper.streams.ingest.spans import Times


class Rereading:
    """Reads records again after a restart, and decides about each as when it was first read.

    Args:
        partition: The state.
        reading: Decodes the records.
        labels: Joins labels and predictions.
    """

    def __init__(self, partition: Partition, reading: Reading, labels: LabelsIntake) -> None:
        self._partition = partition
        self._reading = reading
        self._labels = labels

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Take records that were admitted before. Nothing is counted again.

        Args:
            topic: The topic of the records.
            records: Consecutive records.
        """
        limits = bounds_again(records, self._partition.clamped.get(topic, ()))
        clocks = self._partition.needed_clocks.setdefault(topic, {})
        if topic == "labels":
            truths = self._reading.truths(records, limits).truths
            truths = [t for t in truths if t.model is None or self._was_admitted(topic, t.model, t.offset)]
            self._labels.match([_as_before(truth, clocks) for truth in truths])
            self._labels.forget_orphans()
            return
        for part in self._split(topic, records):
            self._remember_rows(records[part], limits[part], clocks)

    def _was_admitted(self, topic: str, subject: str, offset: int) -> bool:
        return self._partition.was_admitted(topic, subject, offset)

    def _split(self, topic: str, records: Sequence[Record]) -> Iterator[slice]:
        """Split records at the offsets from which a subject's events are admitted."""
        starts = self._partition.since.get(topic, {}).values()
        cuts = {bisect_left(records, start, key=attrgetter("offset")) for start in set(starts)}
        for first, end in pairwise(sorted({0, *cuts, len(records)})):
            yield slice(first, end)

    def _remember_rows(self, records: Sequence[Record], limits: Times, clocks: dict[str, Clock]) -> None:
        for subject, rows in self._reading.rows("predictions", records, limits).rows.items():
            if not self._was_admitted("predictions", subject, rows.offset):
                continue
            clock = clocks.setdefault(subject, Clock())
            panes = self._partition.subjects.intakes[subject].panes
            late, _ = clock.late(rows.times, panes, rows.reach)
            for batch, index in batches(self._partition, subject, rows):
                scores = batch.intake.columnizer.scores(batch.rows.events)
                self._labels.wait(batch, scores, late if index is None else late[index], clock.before_ms)


def _as_before(truth: LabelValue, clocks: dict[str, Clock]) -> LabelValue:
    """Return the label with the time that labels had reached when it first arrived."""
    every = clocks.setdefault("", Clock())  # labels that name no model are for all models
    own = clocks.setdefault(truth.model or "", Clock())
    latest_ms = own.latest_ms
    for clock in (own, every) if truth.model else clocks.values():
        clock.latest_ms = max(clock.latest_ms, truth.reach_ms)
    return truth._replace(latest_ms=latest_ms)
