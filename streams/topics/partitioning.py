"""The partition of a subject on the internal topics."""

from zlib import crc32

from aiokafka.partitioner import murmur2


def partition_of(subject: str, partitions: int) -> int:
    """Return the partition of a subject on `profiles` and `findings`.

    >>> partition_of("flight-delay", 4) == partition_of("flight-delay", 4)
    True
    """
    return crc32(subject.encode()) % partitions


def hashed(key: bytes, partitions: int) -> int:
    """Return the partition to which Kafka's clients send a key, if a topic has this number of partitions.

    The topic may have more by now: partitions that were added are not read.

    >>> hashed(b"flight-delay", 4) < 4
    True
    """
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
