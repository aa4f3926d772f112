"""Which partition of the internal topics belongs to a subject."""

from zlib import crc32


def partition_of(subject: str, partitions: int) -> int:
    """Return the partition of `profiles` and `findings` that a subject belongs to.

    >>> partition_of("flight-delay", 4) == partition_of("flight-delay", 4)
    True
    """
    return crc32(subject.encode()) % partitions
