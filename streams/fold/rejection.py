"""Creates the records of the topic `rejected`: a record that a stage can't use, its place and the reason."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from watchkeeper.schemas.rejections import KEPT_HEADERS, KEPT_PART_BYTES, KEPT_VALUE_BYTES, Reason, Rejection
from watchkeeper.streams.fold.protocol import Message, Record, UnreadBatch

_encode = msgspec.msgpack.Encoder().encode
T = TypeVar("T")


def readable(
    topic: str,
    partition: int,
    records: Sequence[Record],
    read: Callable[[bytes], T],
    what: str,
    refuse: Callable[[Message], object],
    now_ms: int,
) -> Iterator[T]:
    """Yield the decoded value of each record, and reject records that can't be decoded.

    Args:
        topic: The topic of the records, without the prefix.
        partition: The partition of the records.
        records: The records.
        read: Decodes a value. It raises ValueError for a value that no stage writes.
        what: What a rejected record is not, such as "no alert".
        refuse: Receives each rejection.
        now_ms: The current time, since 1970.

    >>> given = [Record(0, 0, None, b"1"), Record(1, 0, None, b"one")]
    >>> refused = []
    >>> list(readable("alerts", 0, given, int, "no number", refused.append, 0))
    [1]
    >>> [message.key for message in refused]
    [b'alerts/0/1']
    """
    for record in records:
        if isinstance(record, UnreadBatch):
            refuse(rejection(topic, partition, record, "unreadable", record.why, now_ms))
            continue
        try:
            value = read(record.value or b"")
        except (ValueError, RecursionError) as error:
            refuse(rejection(topic, partition, record, "unreadable", f"{what}: {error}", now_ms))
            continue
        yield value


def rejection(topic: str, partition: int, record: Record, reason: Reason, why: str, now_ms: int) -> Message:
    """Return the record for the topic `rejected`. It holds only the start of a large key, value or header.

    Args:
        topic: The topic of the rejected record, without the prefix.
        partition: The partition of the rejected record.
        record: The rejected record.
        reason: The kind of error.
        why: What is wrong, for people.
        now_ms: The current time, since 1970.

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
        size_bytes=record.size_bytes if isinstance(record, UnreadBatch) else len(value),
        key=None if record.key is None else record.key[:KEPT_PART_BYTES],
        value=value[:KEPT_VALUE_BYTES],
        headers=[
            (name, (content or b"")[:KEPT_PART_BYTES]) for name, content in record.headers[:KEPT_HEADERS]
        ],
    )
    return Message("rejected", rejected.name.encode(), _encode(rejected))
