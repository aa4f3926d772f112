"""The protocol of every stage: a fold over one partition, whose state can be saved and restored.

A fold is plain Python without Kafka, a clock or metrics. `Keeper` (`keeper.py`) passes each record to it
exactly once, saves it, and delivers its outputs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from watchkeeper.streams.fold.rejected_share import RejectedShare
from watchkeeper.streams.topics.flow import Destination

LAST_OFFSET = 2**62
"""An offset higher than that of every record. No topic reaches it."""

LOG_APPEND_TIME = 1
"""The timestamp type of a record whose timestamp is the broker's. The number is that of Kafka's protocol."""


class Record(NamedTuple):
    """The fields of a Kafka record that folds use. The worker passes aiokafka's records, which have them."""

    offset: int
    timestamp: int
    """Milliseconds since 1970. Kafka uses this name."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_type: int = 0
    """`LOG_APPEND_TIME` if the broker set the timestamp, when it appended the record."""


class UnreadBatch(NamedTuple):
    """A batch of records that can't be read, in the place of its last record. Folds reject it.

    The first fields are those of `Record`.
    """

    offset: int
    """The offset of the last record."""
    timestamp: int
    key: bytes | None
    value: bytes | None
    """The first bytes of the batch as it was written."""
    headers: Sequence[tuple[str, bytes]]
    timestamp_type: int
    first_offset: int
    size_bytes: int
    """Size of the batch as it was written."""
    error: str
    """Why it can't be read."""

    @property
    def records(self) -> int:
        """Return how many offsets the batch has."""
        return self.offset - self.first_offset + 1

    @property
    def why(self) -> str:
        """Return one sentence for people."""
        return f"the batch of offsets {self.first_offset} to {self.offset} can't be read: {self.error}"


def count_of(records: Iterable[Record | UnreadBatch]) -> int:
    """Return how many records these are, with those in batches that can't be read.

    >>> count_of([Record(1, 0, None, b""), UnreadBatch(4, 0, None, b"", (), 1, 2, 0, "")])
    4
    """
    return sum(each.records if isinstance(each, UnreadBatch) else 1 for each in records)


class Message(Struct, frozen=True, array_like=True):
    """One output of a fold: a record for a topic, or a message for a sink."""

    topic: Destination
    """The name of the topic, without the prefix, or of the sink."""
    key: bytes
    value: bytes
    partition: int | None = None
    """The partition to send to; None: the hash of the key selects it."""


class Fold(Protocol):
    """The code of a stage. The same records give the same outputs and state, in whatever chunks they arrive.

    Folds inherit from `BaseFold`, so they define the last five methods only if they need them.
    """

    revision: int
    """A number that changes whenever values that the fold shows in metrics may have changed."""

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Process records of one topic. They arrive in order, each exactly once.

        Args:
            topic: The name of the topic, without the prefix.
            records: Consecutive records of the partition.
            now_ms: The current time, since 1970.
        """

    def tick(self, now_ms: int) -> None:
        """Process the current time. It is called about once a second, also without records."""

    def outputs(self) -> list[Message]:
        """Return the outputs since the previous call."""

    def snapshot(self) -> bytes:
        """Encode the complete state, for a checkpoint."""

    def restore(self, state: bytes) -> None:
        """Replace the state by that of a snapshot."""

    def needs(self) -> Mapping[str, int]:
        """Return the topics that `remember` must reread after `restore`, each with the first offset.

        A checkpoint does not contain state that is as large as its input, such as predictions that wait for
        labels: the topic already holds it. Most folds need nothing.
        """

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Rebuild state from records that were folded before the checkpoint. It does not count them again.

        Args:
            topic: A topic that `needs` returned.
            records: The records from the first needed offset to the checkpoint, in batches.
        """

    def log_changed(self, topic: str, first: int) -> None:
        """Forget what refers to offsets of a log that is gone. It is called after `restore`.

        Args:
            topic: The name of the topic, without the prefix.
            first: From this offset on, other records have the offsets of the old ones.
        """

    def caught_up(self, topic: str, now_ms: int) -> None:
        """Note that a topic is read to its end. It is called about once a second while this is true."""

    def end_unknown(self, topic: str) -> None:
        """Note that the end of a topic is unknown, because the broker is away."""

    def rejected_shares(self) -> Sequence[RejectedShare]:
        """Return the shares of rejected events that name no subject, where they are too large."""


class BaseFold:
    """The defaults of most folds: the checkpoint holds the complete state, and ends of topics are ignored."""

    revision = 0

    def needs(self) -> Mapping[str, int]:
        """Return nothing: the checkpoint holds the complete state."""
        return {}

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Do nothing: `needs` returns nothing."""

    def log_changed(self, topic: str, first: int) -> None:
        """Do nothing: the state refers to no offsets."""

    def caught_up(self, topic: str, now_ms: int) -> None:
        """Do nothing."""

    def end_unknown(self, topic: str) -> None:
        """Do nothing."""

    def rejected_shares(self) -> Sequence[RejectedShare]:
        """Return nothing."""
        return ()
