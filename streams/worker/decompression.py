"""Decompresses batches up to a limit: a few kilobytes on the wire can be a gigabyte of one repeated letter.

aiokafka's own functions return whatever comes out. These check the size while they decompress, or before,
where the format states it.
"""

import struct
import zlib
from collections.abc import Callable
from types import ModuleType

import cramjam
from aiokafka import codec
from aiokafka.record import default_records, legacy_records
from aiokafka.record._crecords import default_records as fast_default_records
from aiokafka.record._crecords import legacy_records as fast_legacy_records

from watchkeeper.streams.errors import WatchkeeperError

BATCH_BYTES_MAX = 64 * 2**20
"""Maximum bytes of a decompressed batch: four times the largest record of Watchkeeper's topics.

Chosen by hand: batches of publishers have a few megabytes, and a worker may hold one for each partition.
"""
_FIRST_BYTES = 2**18
"""Size of the first buffer in bytes. Chosen by hand: most batches fit, so they are decompressed once."""
_USUAL_RATIO = 16
"""How much larger than a batch the first buffer is at least. Chosen by hand: JSON shrinks to a tenth."""
_GROWTH = 8
"""How much larger the next buffer is, if one was too small. Chosen by hand: few tries against memory."""
_FULL = "failed to write whole buffer"
"""What cramjam says if a buffer is too small."""
_XERIAL_HEADER_BYTES = 16
"""Bytes of the header of the snappy format that Java writes."""
_VARINT_BYTES_MAX = 5
"""Maximum bytes of the size that starts a snappy block: seven bits in each byte, for 32 bits."""

Decode = Callable[[bytes], bytes]


class BatchTooLarge(WatchkeeperError, ValueError):
    """A batch has more bytes than a worker decompresses."""

    def __init__(self) -> None:
        super().__init__(f"decompressed, it has more than {BATCH_BYTES_MAX // 2**20} MiB")


def bound_decompression() -> None:
    """Let aiokafka decompress with these functions. It may be called repeatedly."""
    decoders: dict[str, Decode] = {
        "gzip_decode": gzip_decode,
        "snappy_decode": snappy_decode,
        "lz4_decode": lz4_decode,
        "zstd_decode": zstd_decode,
    }
    modules: list[ModuleType] = [
        default_records, legacy_records, fast_default_records, fast_legacy_records,
    ]  # fmt: skip
    for module in modules:
        for name, decode in decoders.items():
            if hasattr(module, name):
                setattr(module, name, decode)


def gzip_decode(payload: bytes) -> bytes:
    """Decompress gzip. The data may consist of several members."""
    found: list[bytes] = []
    left, rest = BATCH_BYTES_MAX, bytes(payload)
    while rest:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        found.append(member.decompress(rest, left + 1))
        left -= len(found[-1])
        if left < 0:
            raise BatchTooLarge
        if not member.eof:
            raise ValueError("the compressed data ends early")
        rest = member.unused_data.lstrip(b"\0")
    return b"".join(found)


def snappy_decode(payload: bytes) -> bytes:
    """Decompress snappy, in the raw format or in that of Java. Each block starts with its size."""
    data = memoryview(payload).cast("B")
    if not codec._detect_xerial_stream(data):  # noqa: SLF001 - it is what aiokafka itself asks
        _check_size(_snappy_bytes(data))
        return bytes(codec.snappy_decode(payload))
    at, size_bytes = _XERIAL_HEADER_BYTES, 0
    while at < len(data):
        (length,) = struct.unpack_from(">i", data, at)
        if not 0 < length <= len(data) - at:
            raise ValueError("a snappy block ends beyond its batch")
        size_bytes += _snappy_bytes(data[at + 4 : at + 4 + length])
        at += 4 + length
    _check_size(size_bytes)
    return bytes(codec.snappy_decode(payload))


def _snappy_bytes(block: memoryview) -> int:
    size_bytes = 0
    for i, byte in enumerate(block[:_VARINT_BYTES_MAX]):
        size_bytes |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return size_bytes
    raise ValueError("a snappy block states no size")


def _check_size(size_bytes: int) -> None:
    if size_bytes > BATCH_BYTES_MAX:
        raise BatchTooLarge


def lz4_decode(payload: bytes) -> bytes:
    """Decompress LZ4 frames."""
    return _into_buffer(cramjam.lz4.decompress_into, payload)


def zstd_decode(payload: bytes) -> bytes:
    """Decompress zstd frames."""
    return _into_buffer(cramjam.zstd.decompress_into, payload)


def _into_buffer(decompress: Callable[[bytes, bytearray], int], payload: bytes) -> bytes:
    """Decompress into a buffer of limited size. A size that the data state is not trusted."""
    size_bytes = min(BATCH_BYTES_MAX, max(_FIRST_BYTES, _USUAL_RATIO * len(payload)))
    while True:
        buffer = bytearray(size_bytes)
        try:
            written = decompress(payload, buffer)
        except cramjam.DecompressionError as error:
            if _FULL not in str(error):
                raise
        else:
            return bytes(memoryview(buffer)[:written])
        if size_bytes >= BATCH_BYTES_MAX:
            raise BatchTooLarge
        size_bytes = min(BATCH_BYTES_MAX, _GROWTH * size_bytes)
