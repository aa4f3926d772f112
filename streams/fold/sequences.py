"""Drops outputs of other stages that are delivered again, by their sequence numbers."""

from collections.abc import Sequence

from watchkeeper.streams.fold import formats
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.fold.rejection import rejection
from watchkeeper.streams.topics.flow import INTERNAL_TOPICS


class Sequences:
    """The sequence numbers that one keeper has seen of each source.

    Args:
        partition: The partition number of the keeper.
    """

    def __init__(self, partition: int) -> None:
        self.seen: dict[str, int] = {}
        """Source (`stage/partition`) -> sequence number of its last output that was folded."""
        self.rejections: list[Message] = []
        """A rejection for each record whose headers no worker wrote, since they were last taken."""
        self._partition = partition

    def fresh(self, topic: str, records: Sequence[Record], now_ms: int) -> Sequence[Record]:
        """Return the records that are not repeats. On topics that services publish to, none is.

        Args:
            topic: The topic of the records, without the prefix.
            records: The records.
            now_ms: The current time, since 1970.
        """
        if topic not in INTERNAL_TOPICS:
            return records
        return [record for record in records if self._is_next(topic, record, now_ms)]

    def _is_next(self, topic: str, record: Record, now_ms: int) -> bool:
        try:
            origin = formats.origin(record.headers)
        except formats.ForeignHeaders as error:
            why = f"no worker wrote its headers: {error}"
            self.rejections.append(rejection(topic, self._partition, record, "unreadable", why, now_ms))
            return False
        if origin.format > formats.NEWEST:
            raise formats.NewerFormat(
                f"partition {self._partition} of {topic}: the record at {record.offset} has format "
                f"{origin.format}, this program reads up to {formats.NEWEST}: upgrade this worker"
            )
        if origin.source is None:
            return True
        if origin.sequence <= self.seen.get(origin.source, 0):
            return False
        self.seen[origin.source] = origin.sequence
        return True
