"""No batch of a publisher stops a partition, and none of its good events is lost."""

import struct

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from watchkeeper.streams.worker import batches, transport
from watchkeeper.streams.worker.batches import Batches

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
CODEC_AT = 22
CRC_AT = 17


def _batch(headers: list[tuple[str, bytes | None]], codec: int = 0, base: int = 0, rows: int = 3) -> bytes:
    """A batch of some records; the middle one has the headers."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 99_999)
    for i in range(rows):
        builder.append(
            i, 1_000 + i, b"key" if i else None, b"value %d" % i, headers if i == rows // 2 else []
        )
    return struct.pack(">q", base) + bytes(builder.build())[8:]


def _sealed(batch: bytes) -> bytes:
    return batch[:CRC_AT] + struct.pack(">I", calc_crc32c(batch[CRC_AT + 4 :])) + batch[CRC_AT + 4 :]


def _not_text(batch: bytes) -> bytes:
    return _sealed(batch.replace(b"trace", b"\xff\xfeace"))


def _read(fetched: bytes) -> PartitionRecords:
    transport.register()
    tp = TopicPartition("predictions", 0)
    return PartitionRecords(tp, fetcher.MemoryRecords(fetched), set(), 0, None, None, True, 1)


def test_workers_read_through_it():
    transport.register()
    assert fetcher.MemoryRecords is Batches


@pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))
def test_every_compression_can_be_read(codec):
    records = list(_read(_batch([("name", b"content"), ("empty", None)], codec, rows=2000)))
    assert [record.offset for record in records] == list(range(2000))
    assert records[1000].headers == [("name", b"content"), ("empty", None)]


def test_a_header_whose_name_is_not_text_costs_its_record_no_more_than_its_headers():
    read = _read(_not_text(_batch([("wk", None), ("trace", b"x")])) + _batch([("name", b"x")], base=3))
    records = list(read)
    assert [record.offset for record in records] == [0, 1, 2, 3, 4, 5]
    assert [record.value for record in records[:3]] == [b"value 0", b"value 1", b"value 2"]
    assert [record.key for record in records[:3]] == [None, b"key", b"key"]
    assert [record.timestamp for record in records[:3]] == [1_000, 1_001, 1_002]
    assert [list(record.headers) for record in records] == [[], [], [], [], [("name", b"x")], []]
    assert read.next_fetch_offset == 6


def test_other_records_of_its_batch_keep_their_headers():
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 99_999)
    builder.append(0, 1, b"k", b"v", [("good", b"1"), ("none", None)])
    builder.append(1, 1, b"k", b"v", [("trace", b"x")])
    records = list(_read(_not_text(bytes(builder.build()))))
    assert [list(record.headers) for record in records] == [[("good", b"1"), ("none", None)], []]


def test_a_batch_that_nobody_can_read_comes_as_one_record_and_those_behind_it_follow(monkeypatch):
    said: list[object] = []
    monkeypatch.setattr(batches.log, "error", lambda *given: said.extend(given))
    broken = bytearray(_batch([]))
    broken[CODEC_AT] |= 7  # a compression that there is not
    read = _read(_sealed(bytes(broken)) + _batch([], base=3))
    offsets = {record.offset: bytes(record.value) for record in read}
    assert list(offsets) == [2, 3, 4, 5]
    assert offsets[2] == _sealed(bytes(broken))
    assert read.next_fetch_offset == 6
    assert said[1:3] == [0, 2]


def test_a_batch_that_was_changed_on_its_way_is_not_read():
    from aiokafka.errors import CorruptRecordException

    with pytest.raises(CorruptRecordException):
        list(_read(_batch([]).replace(b"value 1", b"value X")))


def test_batches_of_before_headers_can_be_read():
    builder = LegacyRecordBatchBuilder(1, 0, 9_999)
    builder.append(0, 1_000, b"key", b"value")
    [record] = _read(bytes(builder.build()))
    assert (record.offset, record.value, list(record.headers)) == (0, b"value", [])
