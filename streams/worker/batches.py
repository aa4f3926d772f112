"""Batches of records as publishers may write them, where aiokafka gives up on the whole partition.

aiokafka wants the names of headers to be UTF-8; Kafka does not. One record with another name would stop every
worker that gets the partition, for good. Such a record is read without its headers. What can't be read at all
comes as one record, which no stage can use: so it gets to `rejected`, and what is behind it is read.
"""

import logging
import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.util import decode_varint

log = logging.getLogger("watchkeeper.batches")

_length = struct.Struct(">i").unpack_from
_LENGTH_AT = 8
_BEFORE_LENGTH_BYTES = 12
_MAGIC_AT = 16
_MAGIC_WITH_HEADERS = 2


class Batches:
    """The batches of one fetch; what aiokafka asks of its `MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._records = MemoryRecords(fetched)
        self._fetched = memoryview(fetched)
        self._at = 0
        self.has_next = self._records.has_next
        self.size_in_bytes = self._records.size_in_bytes

    def next_batch(self) -> Any:
        """Return the next one; only where there is one. Those of before headers are aiokafka's own."""
        (length,) = _length(self._fetched, self._at + _LENGTH_AT)
        start, self._at = self._at, self._at + _BEFORE_LENGTH_BYTES + length
        batch, written = self._records.next_batch(), self._fetched[start : self._at]
        return Batch(batch, written) if written[_MAGIC_AT] >= _MAGIC_WITH_HEADERS else batch


class Batch:
    """One batch, whose records can always be read."""

    def __init__(self, batch: Any, written: memoryview) -> None:
        self._batch = batch
        self._written = written
        # All that aiokafka asks of a batch; copied, because many publishers send batches of one record.
        self.validate_crc = batch.validate_crc
        self.base_offset = batch.base_offset
        self.next_offset = batch.next_offset
        self.producer_id = batch.producer_id
        self.is_control_batch = batch.is_control_batch
        self.is_transactional = batch.is_transactional

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except Exception as error:
            return iter(self._again(error))

    def _again(self, error: Exception) -> list[Any]:
        try:
            return _read(bytes(self._written))
        except Exception:
            first, last = self._batch.base_offset, self._batch.next_offset - 1
            log.error("the batch of offsets %s to %s can't be read and is rejected: %r", first, last, error)
            batch = self._batch
            return [
                _DefaultRecordPy(
                    last, batch.max_timestamp, batch.timestamp_type, None, bytes(self._written), []
                )
            ]


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
    cursor.varint()  # attributes, of which there are none
    sent_ms = batch.first_timestamp + cursor.varint()
    timestamp = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else sent_ms
    offset = batch.base_offset + cursor.varint()
    key, value = cursor.content(), cursor.content()
    headers = [(cursor.content() or b"", cursor.content()) for _ in range(cursor.varint())]
    return _DefaultRecordPy(offset, timestamp, batch.timestamp_type, key, value, _texts(headers))


def _texts(headers: list[tuple[bytes, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """Return the headers, or none of them: so do the readers that are not aiokafka's (`kafka/client.py`)."""
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
