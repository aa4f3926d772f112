"""Records that a stage can't use go to `rejected`, with their bytes, their place and the reason.

When there are too many of them, the worker stops.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from watchkeeper.schemas.rejections import KEPT_HEADERS, KEPT_PART_BYTES, KEPT_VALUE_BYTES, Reason, Rejection
from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold.protocol import Message, Record

_encode = msgspec.msgpack.Encoder().encode
T = TypeVar("T")


class Excess(NamedTuple):
    """How many of the last events were rejected, when these were too many."""

    at: int
    """Index in its chunk of the event that exceeded the limit."""
    rejected: int
    events: int
    reason: Reason
    """The most frequent reason."""


class RejectedShareHigh(Unrecoverable):
    """Too many of the last events were rejected: the worker must stop, and save nothing of this chunk."""

    def __init__(self, event: str, why: str, excess: Excess) -> None:
        super().__init__(f"{event}: {excess.rejected} of the last {excess.events} events were rejected")
        self.event = event
        """`topic/partition/offset` of the event that exceeded the limit."""
        self.why = why
        """What is wrong with that event."""
        self.excess = excess


def readable(
    topic: str,
    partition: int,
    records: Sequence[Record],
    read: Callable[[bytes], T],
    what: str,
    refuse: Callable[[Message], object],
    now_ms: int,
) -> Iterator[T]:
    """Yield what `read` makes of each record; pass the rejection of one that it can't read to `refuse`.

    `read` raises ValueError for what no stage can have sent; `what` says what the record is not.

    >>> given = [Record(0, 0, None, b"1"), Record(1, 0, None, b"one")]
    >>> refused = []
    >>> list(readable("alerts", 0, given, int, "no number", refused.append, 0))
    [1]
    >>> [message.key for message in refused]
    [b'alerts/0/1']
    """
    for record in records:
        try:
            value = read(record.value or b"")
        except (ValueError, RecursionError) as error:
            refuse(rejection(topic, partition, record, "unreadable", f"{what}: {error}", now_ms))
            continue
        yield value


def rejection(topic: str, partition: int, record: Record, reason: Reason, why: str, now_ms: int) -> Message:
    """Return the record for `rejected`; of what is large it holds a part.

    >>> rejection("labels", 2, Record(7, 0, None, b"x"), "malformed_json", "it is not JSON", 0).key
    b'labels/2/7'
    """
    value = record.value or b""
    rejected = Rejection(
        topic=topic,
        partition=partition,
        offset=record.offset,
        reason=reason,
        message=why,
        rejected_at_ms=now_ms,
        size_bytes=len(value),
        key=None if record.key is None else record.key[:KEPT_PART_BYTES],
        value=value[:KEPT_VALUE_BYTES],
        headers=[
            (name, (content or b"")[:KEPT_PART_BYTES]) for name, content in record.headers[:KEPT_HEADERS]
        ],
    )
    return Message("rejected", rejected.name.encode(), _encode(rejected))
