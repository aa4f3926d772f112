"""Bugs to plant in a worker. Each removes one part of the delivery guarantee, and the oracle must detect it.

A bug replaces methods in the process that plants it.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from watchkeeper.streams.fold import fence
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.interfaces import Store
from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.fold.positions import Positions
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.fold.sequences import Sequences
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.stage import Stage
from watchkeeper.streams.worker.worker import Worker


class Plant(NamedTuple):
    """One fault."""

    what: str
    plant: Callable[[], None]


PAUSE_SECONDS = 0.3
"""Seconds between two steps in the wrong order, so that a worker is sometimes killed between them."""


def ack_first() -> None:
    """Acknowledge a chunk to the group before it is folded.

    That alone does no harm: a successor starts from the offsets of the checkpoint, and `_fill` reads the
    records between these and its first chunk. So `_fill` is disabled too.
    """
    take = Worker._take

    async def acked(self: Worker, stage: Stage[Any], topic: str, chunk: Any) -> None:
        chunk.ack()
        await self.app.consumer.commit()
        await take(self, stage, topic, chunk)

    async def nothing(*_: Any) -> int:
        return 0

    Worker._take = acked  # type: ignore[method-assign]
    Keeper._fill = nothing  # type: ignore[method-assign]


def deliver_first() -> None:
    """Deliver the outbox before the checkpoint that holds it is written."""
    init = Keeper.__init__

    def with_hasty_store(self: Keeper, *given: Any, **more: Any) -> None:
        init(self, *given, **more)
        self._store = _Hasty(self._store, self)

    Keeper.__init__ = with_hasty_store  # type: ignore[method-assign]


class _Hasty:
    """A store that delivers the outbox of a checkpoint before it writes the checkpoint."""

    def __init__(self, store: Store, keeper: Keeper) -> None:
        self._store = store
        self._keeper = keeper
        self.load, self.read = store.load, store.read

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint, fence: Any) -> int:
        await self._keeper._deliver(checkpoint.sequence, checkpoint.outbox)
        await asyncio.sleep(PAUSE_SECONDS)
        return await self._store.save(stage, partition, checkpoint, fence)


def forget_outbox() -> None:
    """Continue from a checkpoint without delivering its outbox."""
    begin, deliver = Keeper.begin, Keeper._deliver

    async def slow(self: Keeper, sequence: int, outbox: Sequence[Message]) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        await deliver(self, sequence, outbox)

    async def forgetful(self: Keeper, *given: int) -> None:
        await begin(self, *given)
        self._sequence += len(self._outbox.owed)
        self._outbox.owed = []

    Keeper.begin = forgetful  # type: ignore[method-assign]
    Keeper._deliver = slow  # type: ignore[method-assign]


def no_sequence_check() -> None:
    """Accept an output of another stage as often as it is delivered."""
    Sequences._is_next = lambda *_: True  # type: ignore[method-assign]


def no_offset_check() -> None:
    """Fold records that the checkpoint already covers."""

    def all_of_them(self: Positions, topic: str, records: Sequence[Record]) -> Sequence[Record]:
        return records

    Positions.unread = all_of_them  # type: ignore[method-assign]


def no_fence() -> None:
    """Let the broker accept checkpoints of a worker after another has taken its partition."""

    def unfenced(settings: Any, **options: Any) -> Any:
        return producer(settings, **options | {"transactional.id": uuid.uuid4().hex})

    fence.producer = unfenced  # type: ignore[attr-defined]


def no_fence_and_no_generation() -> None:
    """The same, and a worker does not check whether its group has a newer generation either."""
    no_fence()
    Worker._is_current = lambda *_: True  # type: ignore[method-assign]


PLANTS = {
    "ack-first": Plant("chunks are acknowledged before the checkpoint, and the gap is not read", ack_first),
    "deliver-first": Plant("outputs are delivered before the checkpoint", deliver_first),
    "forget-outbox": Plant("the outbox of a checkpoint is not delivered again", forget_outbox),
    "no-sequence-check": Plant("repeated outputs are not dropped by their numbers", no_sequence_check),
    "no-offset-check": Plant("repeated records are not dropped by their offsets", no_offset_check),
    "no-fence": Plant("a frozen worker's checkpoint is accepted", no_fence),
    "no-fence-no-generation": Plant(
        "the same, and it does not check its generation", no_fence_and_no_generation
    ),
}
