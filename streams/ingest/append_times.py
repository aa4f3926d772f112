"""How far an event may move event time: not beyond the time at which its record was appended.

Otherwise one publisher whose clock is ahead would close panes before the rows of all others arrive.
"""

from collections.abc import Sequence
from operator import attrgetter

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from watchkeeper.schemas.times import END_MS
from watchkeeper.streams.fold.protocol import LOG_APPEND_TIME, Record

CLAMPED_MAX = 10_000
"""Limit for the saved bounds per topic. Chosen by hand; it bounds the checkpoint. Beyond it, the oldest are
lost: read again after a restart, events of those chunks that were ahead move event time by their own time."""
Times = NDArray[np.int64]
_timestamp, _type = attrgetter("timestamp"), attrgetter("timestamp_type")


class Clamped(Struct, array_like=True, frozen=True):
    """A chunk with events ahead of the worker's clock, for a topic without Kafka's append times."""

    first: int
    """The offset of its first record."""
    last: int
    """The offset of its last record."""
    bound_ms: int
    """The worker's clock when the chunk was first folded."""


def bounds(records: Sequence[Record], now_ms: int) -> Times:
    """Return for each record how far it may move event time.

    This is the broker's time if the topic has it. A producer's time proves nothing, so elsewhere it is the
    worker's clock.

    >>> first = Record(0, 100, None, b"")
    >>> bounds([first, first._replace(timestamp_type=LOG_APPEND_TIME)], 500).tolist()
    [500, 100]
    """
    by_broker = _by_broker(records)
    return np.where(by_broker, _times(records), now_ms) if by_broker.any() else np.full(len(records), now_ms)


def bounds_again(records: Sequence[Record], clamped: Sequence[Clamped]) -> Times:
    """Return the bounds that records had when they were first folded.

    Chunks without an event ahead of the worker's clock are not saved: they need no bound.

    >>> int(bounds_again([Record(offset, 0, None, b"") for offset in (1, 2, 5)], [Clamped(2, 4, 700)])[1])
    700
    """
    by_broker = _by_broker(records)
    found = np.where(by_broker, _times(records), END_MS)
    if clamped:
        offsets = np.fromiter((record.offset for record in records), np.int64, len(records))
        at = np.searchsorted([chunk.first for chunk in clamped], offsets, side="right") - 1
        inside = ~by_broker & (at >= 0) & (offsets <= np.array([chunk.last for chunk in clamped])[at])
        found = np.where(inside, np.array([chunk.bound_ms for chunk in clamped])[at], found)
    return found


def _times(records: Sequence[Record]) -> Times:
    return np.fromiter(map(_timestamp, records), np.int64, len(records))


def _by_broker(records: Sequence[Record]) -> NDArray[np.bool_]:
    return np.fromiter((kind == LOG_APPEND_TIME for kind in map(_type, records)), np.bool_, len(records))
