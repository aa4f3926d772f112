"""What a keeper needs from outside: a store, an outlet, and the errors that they raise."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from watchkeeper.streams.errors import WatchkeeperError
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.protocol import Message, Record

__all__ = ["NotOwner", "Outlet", "Store", "Superseded"]


class Store(Protocol):
    """Loads and saves checkpoints, and rereads source records."""

    async def load(self, stage: str, partition: int) -> tuple[Checkpoint | None, Any]:
        """Return the newest checkpoint or None, and the fence to pass to `save`."""

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint, fence: Any) -> int:
        """Write a checkpoint, wait until it is safe, and return its size in bytes.

        Raises:
            Superseded: Another worker has taken the fence.
        """

    def read(self, topic: str, partition: int, first: int, last: int) -> AsyncIterator[Sequence[Record]]:
        """Yield the records with offsets `first` to `last`, both included, in batches."""


class Outlet(Protocol):
    """Delivers outputs."""

    async def deliver(
        self, source: str, first_sequence: int, messages: Sequence[Message], is_current: Callable[[], bool]
    ) -> None:
        """Deliver outputs in order, retry while that can help, and return when all have arrived.

        Args:
            source: The sender, `stage/partition`.
            first_sequence: The sequence number of the first message. The others count on from it.
            messages: The outputs.
            is_current: Whether the caller still owns the partition. It is called before each try.

        Raises:
            NotOwner: `is_current` returned False: another worker may own the partition.
        """

    async def announce(self, messages: Sequence[Message]) -> None:
        """Deliver outputs that may be repeated. They have no sequence number."""


class NotOwner(WatchkeeperError):
    """Another worker may own the partition now, so nothing more of it may be delivered."""


class Superseded(WatchkeeperError):
    """Another worker owns the partition now, so the state in memory is invalid.

    Args:
        partition: The partition number.
        why: How the worker detected it.
    """

    def __init__(self, partition: int, why: str) -> None:
        super().__init__(f"partition {partition}: {why}")
        self.partition = partition
