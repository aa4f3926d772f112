"""Reads batches of records that aiokafka can't read, so that one bad record does not block its partition.

aiokafka requires header names in UTF-8; Kafka does not. A single record with another header name would stop
every worker that is assigned the partition. Here such a record is read without its headers. A batch that
can't be read at all, or that is too large once decompressed, becomes one record. No stage can use that
record, so it goes to `rejected`, and reading continues after it.
"""

import logging
import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.util import decode_varint

from watchkeeper.streams.errors import WatchkeeperError
from watchkeeper.streams.fold.protocol import UnreadBatch
from watchkeeper.streams.worker.decompression import BatchTooLarge

log = logging.getLogger("watchkeeper.batches")

_length = struct.Struct(">i").unpack_from
_LENGTH_AT = 8
"""Position of the length field in a batch, in bytes (Kafka's record batch format)."""
_BEFORE_LENGTH_BYTES = 12
"""Bytes of a batch that its length field does not count: the base offset and the field itself."""
_MAGIC_AT = 16
"""Position of the version byte, which Kafka calls magic, in a batch."""
_MAGIC_WITH_HEADERS = 2
"""The first version of the batch format that has headers."""
_COUNT_AT = 57
"""Position of the number of records in a batch with headers."""
BATCH_RECORDS_MAX = 1_000_000
"""Maximum records of a batch. Chosen by hand: an empty record has 7 bytes on the wire, and 200 in memory."""
_VALUE_BYTES = 64_000
"""How many bytes of an unread batch are kept: as many as a rejection keeps (`schemas/rejections.py`)."""


class BatchTooLong(WatchkeeperError, ValueError):
    """A batch has more records than a worker reads at once."""


class Batches:
    """The batches of one fetch, with the interface of aiokafka's `MemoryRecords`.

    Args:
        fetched: The bytes of one partition in a fetch response.
    """

    def __init__(self, fetched: bytes) -> None:
        self._records = MemoryRecords(fetched)
        self._fetched = memoryview(fetched)
        self._at = 0
        self.has_next = self._records.has_next
        self.size_in_bytes = self._records.size_in_bytes

    def next_batch(self) -> Any:
        """Return the next batch; there must be one. Batches in formats without headers are aiokafka's."""
        (length,) = _length(self._fetched, self._at + _LENGTH_AT)
        start, self._at = self._at, self._at + _BEFORE_LENGTH_BYTES + length
        batch, written = self._records.next_batch(), self._fetched[start : self._at]
        return Batch(batch, written) if written[_MAGIC_AT] >= _MAGIC_WITH_HEADERS else batch


class Batch:
    """One batch, whose records can always be read, with the interface of aiokafka's batches.

    Args:
        batch: aiokafka's batch.
        written: The bytes of the batch.
    """

    def __init__(self, batch: Any, written: memoryview) -> None:
        self._batch = batch
        self._written = written
        # The attributes that aiokafka reads, copied for speed: many publishers send batches of one record.
        self.validate_crc = batch.validate_crc
        self.base_offset = batch.base_offset
        self.next_offset = batch.next_offset
        self.producer_id = batch.producer_id
        self.is_control_batch = batch.is_control_batch
        self.is_transactional = batch.is_transactional

    def __next__(self) -> Any:
        """Return the next record, as aiokafka reads it."""
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the records; if aiokafka can't read them, over those that `_read` returns."""
        try:
            self._check_count()
            return iter(list(self._batch))
        except Exception as error:
            return iter(self._reread(error))

    def _check_count(self) -> None:
        (count,) = _length(self._written, _COUNT_AT)
        if count > BATCH_RECORDS_MAX:
            raise BatchTooLong(f"it has {count:,} records; the limit is {BATCH_RECORDS_MAX:,}")

    def _reread(self, error: Exception) -> list[Any]:
        if isinstance(error, BatchTooLarge | BatchTooLong):
            return [self._unread(error)]
        try:
            return _read(bytes(self._written))
        except Exception:
            return [self._unread(error)]

    def _unread(self, error: Exception) -> UnreadBatch:
        first, last = self._batch.base_offset, self._batch.next_offset - 1
        log.error("the batch of offsets %s to %s can't be read and is rejected: %r", first, last, error)
        kept, batch = bytes(self._written[:_VALUE_BYTES]), self._batch
        return UnreadBatch(
            last,
            batch.max_timestamp,
            None,
            kept,
            (),
            batch.timestamp_type,
            first,
            len(self._written),
            str(error),
        )


def _read(written: bytes) -> list[_DefaultRecordPy]:
    batch = _DefaultRecordBatchPy(written)
    batch._maybe_uncompress()
    at, records = batch._pos, []
    for _ in range(batch._num_records):
        length, at = decode_varint(batch._buffer, at)
        if not 0 < length <= len(batch._buffer) - at:
            raise ValueError("a record ends beyond its batch")
        records.append(_record(batch, memoryview(batch._buffer)[at : at + length]))
        at += length
    return records


def _record(batch: Any, written: memoryview) -> _DefaultRecordPy:
    cursor = _Cursor(bytearray(written))
    cursor.varint()  # Attributes; Kafka defines none.
    sent_ms = batch.first_timestamp + cursor.varint()
    timestamp = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else sent_ms
    offset = batch.base_offset + cursor.varint()
    key, value = cursor.content(), cursor.content()
    headers = [(cursor.content() or b"", cursor.content()) for _ in range(cursor.varint())]
    return _DefaultRecordPy(offset, timestamp, batch.timestamp_type, key, value, _texts(headers))


def _texts(headers: list[tuple[bytes, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """Decode header names; no headers if one is not UTF-8, like the other readers (`kafka/client.py`)."""
    try:
        return [(name.decode(), content) for name, content in headers]
    except UnicodeDecodeError:
        return []


class _Cursor:
    def __init__(self, written: bytearray) -> None:
        self._written = written
        self._at = 0

    def varint(self) -> int:
        number, self._at = decode_varint(self._written, self._at)
        return int(number)

    def content(self) -> bytes | None:
        length = self.varint()
        if length < 0:
            return None
        start, self._at = self._at, self._at + length
        if self._at > len(self._written):
            raise ValueError("a field ends beyond its record")
        return bytes(self._written[start : self._at])
