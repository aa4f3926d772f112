"""Decides which records of a chunk are folded, and rejects the others."""

from collections.abc import Mapping, Sequence
from typing import get_args

from watchkeeper.schemas.findings import Kind
from watchkeeper.streams.fold.protocol import Record, count_of
from watchkeeper.streams.fold.rejected_share import RejectedShare
from watchkeeper.streams.fold.rejection import rejection
from watchkeeper.streams.ingest.envelope import EventRefusal
from watchkeeper.streams.ingest.naming import subject_named
from watchkeeper.streams.ingest.partition import Partition
from watchkeeper.streams.ingest.quarantine import UNWATCHED, Quarantine, RejectedLimit
from watchkeeper.streams.ingest.replays import Replays, origin_of, replays_in
from watchkeeper.streams.topics.topics import known_topic

_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
"""The kind of the events of each source topic: topics have the names of their kinds."""


class Gate:
    """The gate of one partition. Its state is part of the partition's.

    Args:
        partition: The state.
        number: The number of the partition.
        limit: The limit of rejections.
    """

    def __init__(self, partition: Partition, number: int, limit: RejectedLimit) -> None:
        self._partition = partition
        self._number = number
        self._limit = limit

    def admit(self, topic: str, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records without the repeats of replays, and count those as duplicates."""
        replays = self._partition.replays.setdefault(topic, Replays())
        fresh = replays.fresh(self._place(topic), records)
        self._partition.accounts[topic].duplicate += len(records) - len(fresh)
        return fresh

    def known(self, topic: str, records: Sequence[Record]) -> Sequence[Record]:
        """Return, of records folded before, those that were admitted and not refused for their time."""
        if mistimed := set(self._partition.mistimed.get(topic, ())):
            records = [record for record in records if record.offset not in mistimed]
        replays = self._partition.replays.get(topic)
        return replays.known(self._place(topic), records) if replays else records

    def reject(
        self, topic: str, records: Sequence[Record], refused: Mapping[int, EventRefusal], now_ms: int
    ) -> None:
        """Send the refused records to `rejected`, and count them for the subject that they name.

        Nothing is held back, however many are refused: the other events and subjects do not wait for them.

        Args:
            topic: The topic of the records.
            records: All admitted records of the chunk.
            refused: The refusals, by index of record.
            now_ms: The current time in milliseconds since 1970.
        """
        self._partition.accounts[topic].rejected += count_of(records[index] for index in refused)
        for index, (reason, why) in sorted(refused.items()):
            message = rejection(topic, self._number, records[index], reason, why, now_ms)
            self._partition.outputs.append(message)
        mistimed = [i for i, refusal in sorted(refused.items()) if refusal.reason == "time_out_of_range"]
        self._partition.mistimed.setdefault(topic, []).extend(records[i].offset for i in mistimed)
        self._tell(topic, records, refused)

    def _tell(self, topic: str, records: Sequence[Record], refused: Mapping[int, EventRefusal]) -> None:
        """Count the refused events for the subject that each names; for the partition if it names none."""
        uncounted, unnamed = self._uncounted(topic, records, refused), {}
        watched, kind = self._partition.subjects.intakes, _KINDS[topic]
        for index, (reason, why) in sorted(refused.items()):
            if index in uncounted:
                continue
            sample = f"{self._place(topic)}{records[index].offset}: {why}"
            subject = subject_named(topic, records[index], watched)
            if subject is None:
                unnamed[index] = sample
            else:
                self._partition.tallies.reject(kind, subject, reason, sample)
        reasons = {index: refusal.reason for index, refusal in refused.items()}
        quarantine = self._partition.quarantines.setdefault(topic, Quarantine())
        quarantine.take(len(records), reasons, uncounted, self._limit, unnamed)

    def share(self, topic: str) -> float:
        """Return which share of the last events of a topic was rejected."""
        quarantine = self._partition.quarantines.get(topic)
        return quarantine.share(self._limit) if quarantine else 0.0

    def excesses(self) -> list[RejectedShare]:
        """Return the rejected events that name no subject, of each topic where they exceed the limit."""
        found = {topic: each.excess(self._limit) for topic, each in self._partition.quarantines.items()}
        return [
            RejectedShare(known_topic(topic), self._number, *excess)
            for topic, excess in found.items()
            if excess is not None
        ]

    def _uncounted(
        self, topic: str, records: Sequence[Record], refused: Mapping[int, EventRefusal]
    ) -> frozenset[int]:
        """Return the indices of events that the limit ignores: those without a monitor, and replays."""
        unwatched = frozenset(index for index, refusal in refused.items() if refusal.reason in UNWATCHED)
        if not replays_in(records):
            return unwatched
        place = self._place(topic)
        return unwatched.union(i for i, record in enumerate(records) if origin_of(place, record) is not None)

    def _place(self, topic: str) -> str:
        return f"{topic}/{self._number}/"
