"""The record in which the owner of a partition states how much of the configuration is in force there.

It lies on the topic `checkpoints`, beside the checkpoints of the partition. Workers may write there, and
there is at most one record for each partition. `watchkeeper apply` waits for it.
"""

from collections.abc import Mapping
from typing import Self

import msgspec
from msgspec import Struct

from watchkeeper.streams.config.progress import Place

__all__ = ["Acknowledgement", "key_of"]

_KEY = "configuration/{}"


class Acknowledgement(Struct, frozen=True, kw_only=True):
    """How much of the configuration is in force in one partition."""

    format: int = 1
    """The format of the record."""
    worker: str
    """The owner of the partition, as `host:process`."""
    offsets: dict[str, int]
    """By `topic/partition`, the offset after the last record of `monitors` or `references` in force."""

    @classmethod
    def of(cls, worker: str, offsets: Mapping[Place, int]) -> Self:
        """Return the record of a worker.

        Args:
            worker: The worker, as `host:process`.
            offsets: The offset after the last record in force, of each partition of the configuration.
        """
        return cls(worker=worker, offsets={f"{topic}/{n}": offset for (topic, n), offset in offsets.items()})

    def covers(self, published: Mapping[Place, int]) -> bool:
        """Return whether records that were published are in force.

        Args:
            published: The offset after the last of them, of each partition of the configuration.

        >>> Acknowledgement(worker="a:1", offsets={"monitors/0": 7}).covers({("monitors", 0): 8})
        False
        """
        return all(self.offsets.get(f"{topic}/{n}", 0) >= offset for (topic, n), offset in published.items())

    def encode(self) -> bytes:
        """Return the value of the record."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, value: bytes) -> Self | None:
        """Read the value of a record; None if it is none.

        Args:
            value: The bytes.
        """
        try:
            return msgspec.json.decode(value, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None


def key_of(partition: int) -> bytes:
    """Return the key of a partition's record.

    >>> key_of(2)
    b'configuration/2'
    """
    return _KEY.format(partition).encode()
