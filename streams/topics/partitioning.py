"""The partition of a subject on the internal topics."""

from zlib import crc32


def partition_of(subject: str, partitions: int) -> int:
    """Return the partition of a subject on `profiles` and `findings`.

    >>> partition_of("flight-delay", 4) == partition_of("flight-delay", 4)
    True
    """
    return crc32(subject.encode()) % partitions
