"""Decides which records of a chunk are folded, and rejects the others, up to the limit of rejections."""

from collections.abc import Mapping, Sequence

from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.fold.rejected_share import RejectedShareHigh
from watchkeeper.streams.fold.rejection import rejection
from watchkeeper.streams.ingest.envelope import EventRefusal
from watchkeeper.streams.ingest.partition import Partition
from watchkeeper.streams.ingest.quarantine import UNWATCHED, Quarantine, RejectedLimit
from watchkeeper.streams.ingest.replays import Replays, origin_of, replays_in


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
        """Send the refused records to `rejected`.

        Args:
            topic: The topic of the records.
            records: All admitted records of the chunk.
            refused: The refusals, by index of record.
            now_ms: The current time in milliseconds since 1970.

        Raises:
            RejectedShareHigh: if too many of the last records of the topic were rejected.
        """
        self._partition.accounts[topic].rejected += len(refused)
        for index, (reason, why) in sorted(refused.items()):
            message = rejection(topic, self._number, records[index], reason, why, now_ms)
            self._partition.outputs.append(message)
        mistimed = [i for i, refusal in sorted(refused.items()) if refusal.reason == "time_out_of_range"]
        self._partition.mistimed.setdefault(topic, []).extend(records[i].offset for i in mistimed)
        quarantine = self._partition.quarantines.setdefault(topic, Quarantine())
        reasons = {index: refusal.reason for index, refusal in refused.items()}
        excess = quarantine.take(len(records), reasons, self._uncounted(topic, records, refused), self._limit)
        if excess is not None:
            event = f"{self._place(topic)}{records[excess.at].offset}"
            raise RejectedShareHigh(event, refused[excess.at].message, excess)

    def share(self, topic: str) -> float:
        """Return which share of the last events of a topic was rejected."""
        quarantine = self._partition.quarantines.get(topic)
        return quarantine.share(self._limit) if quarantine else 0.0

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
