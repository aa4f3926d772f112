"""A record that a stage can't use goes to `rejected`, with its bytes, its place and why."""

import msgspec

from watchkeeper.schemas.rejections import KEPT_HEADERS, KEPT_PART_BYTES, KEPT_VALUE_BYTES, Reason, Rejection
from watchkeeper.streams.fold.protocol import Message, Record

_encode = msgspec.msgpack.Encoder().encode


def rejection(topic: str, partition: int, record: Record, reason: Reason, why: str, now_ms: int) -> Message:
    """Return the record for `rejected`; what is large is kept in part.

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
