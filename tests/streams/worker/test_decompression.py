"""A batch that is small on the wire and huge when decompressed costs a worker little, with every codec."""

import struct
import subprocess
import sys

import cramjam
import pytest
from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from tests.streams.worker.test_batches import CODECS, _read, _sealed
from watchkeeper.streams.fold.protocol import UnreadBatch
from watchkeeper.streams.worker import batches, decompression
from watchkeeper.streams.worker.decompression import BATCH_BYTES_MAX, BatchTooLarge

ENCODE = {
    "gzip": codec.gzip_encode,
    "snappy": codec.snappy_encode,
    "snappy raw": lambda data: bytes(codec.snappy_encode(data, xerial_compatible=False)),
    "lz4": codec.lz4_encode,
    "zstd": codec.zstd_encode,
}
DECODE = {
    "gzip": decompression.gzip_decode,
    "snappy": decompression.snappy_decode,
    "snappy raw": decompression.snappy_decode,
    "lz4": decompression.lz4_decode,
    "zstd": decompression.zstd_decode,
}


@pytest.mark.parametrize("name", ENCODE)
@given(st.binary(min_size=1, max_size=2000), st.integers(1, 2000))
def test_what_is_within_the_limit_comes_out_as_it_went_in(name: str, data: bytes, times: int) -> None:
    assert DECODE[name](ENCODE[name](data * times)) == data * times


@pytest.mark.parametrize("name", ENCODE)
@pytest.mark.parametrize("more", [0, 1])
def test_the_limit_is_exact(name: str, more: int) -> None:
    packed = ENCODE[name](bytes(BATCH_BYTES_MAX + more))
    if more:
        with pytest.raises(BatchTooLarge, match="more than 64 MiB"):
            DECODE[name](packed)
    else:
        assert len(DECODE[name](packed)) == BATCH_BYTES_MAX


@pytest.mark.parametrize("name", ENCODE)
def test_what_is_cut_or_broken_is_an_error_and_not_too_large(name: str) -> None:
    packed = bytes(ENCODE[name](b"some words of a publisher " * 1000))
    with pytest.raises(
        (ValueError, cramjam.DecompressionError), match=r"(?i)end|incomplete|truncated|corrupt|beyond"
    ):
        DECODE[name](packed[: len(packed) // 2])


def test_gzip_of_several_members_counts_them_together() -> None:
    member = codec.gzip_encode(bytes(BATCH_BYTES_MAX // 2))
    assert len(decompression.gzip_decode(member + member)) == BATCH_BYTES_MAX
    with pytest.raises(BatchTooLarge):
        decompression.gzip_decode(member + member + codec.gzip_encode(b"1"))


def test_a_size_that_zstd_states_about_itself_is_not_trusted() -> None:
    compressor = cramjam.zstd.Compressor()  # states no size
    for _ in range(9):
        compressor.compress(bytes(BATCH_BYTES_MAX // 8))
    with pytest.raises(BatchTooLarge):
        decompression.zstd_decode(bytes(compressor.finish()))


def bomb(compression: int, base: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, 0, 2 * BATCH_BYTES_MAX)
    builder.append(0, 1_000, b"k", b"v", [])
    builder.append(1, 1_000, b"k", bytes(BATCH_BYTES_MAX), [])
    return struct.pack(">q", base) + bytes(builder.build())[8:]


def small(base: int) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 99_999)
    builder.append(0, 1_000, b"k", b"good", [])
    return struct.pack(">q", base) + bytes(builder.build())[8:]


@pytest.mark.parametrize("name", [name for name in CODECS if name != "none"])
def test_a_batch_that_is_too_large_is_one_record_and_those_behind_it_follow(name: str) -> None:
    packed = bomb(CODECS[name], base=5)
    unread, good = list(_read(packed + small(base=7)))
    assert isinstance(unread, UnreadBatch)
    assert (unread.first_offset, unread.offset, unread.size_bytes) == (5, 6, len(packed))
    assert unread.why == "the batch of offsets 5 to 6 can't be read: decompressed, it has more than 64 MiB"
    assert len(unread.value or b"") <= 64_000
    assert (good.offset, good.value) == (7, b"good")


def test_the_older_format_has_the_limit_too() -> None:
    builder = LegacyRecordBatchBuilder(1, CODECS["gzip"], 2 * BATCH_BYTES_MAX)
    builder.append(0, 1_000, b"key", bytes(BATCH_BYTES_MAX + 1))
    with pytest.raises(BatchTooLarge):
        list(_read(bytes(builder.build())))


def test_a_batch_of_too_many_records_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_RECORDS_MAX", 2)
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 99_999)
    for i in range(3):
        builder.append(i, 1, b"", b"", [])
    [unread] = _read(_sealed(bytes(builder.build())))
    assert unread.records == 3
    assert "it has 3 records; the limit is 2" in unread.why


HUGE = """
import resource, sys
from tests.streams.worker.test_batches import _read
packed = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
list(_read(packed))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("name", ["gzip", "lz4", "zstd"])
def test_half_a_gigabyte_costs_a_worker_no_more_than_the_limit(name: str) -> None:
    builder = DefaultRecordBatchBuilder(2, CODECS[name], 0, -1, -1, 0, 1 << 30)
    builder.append(0, 1_000, b"k", bytes(512 << 20), [])
    done = subprocess.run(
        [sys.executable, "-c", HUGE], input=bytes(builder.build()), capture_output=True, check=True
    )
    assert int(done.stdout) * 1024 < 3 * BATCH_BYTES_MAX
