"""Keeps one fold of one partition: passes it each record once, saves it, delivers its outputs, then acks.

The order is the guarantee. Fold in memory; save `{offsets, sequence, seen, outbox, state}` as one record and
wait for the broker; deliver the outbox and wait; ack. After a crash the next keeper delivers the outbox again
and drops records at or below the saved offsets. A reader that receives an output twice drops it by its
sequence number.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Sequence
from functools import partial
from typing import Any, Protocol

from watchkeeper.streams.errors import UndeclaredOutput, WatchkeeperError
from watchkeeper.streams.fold import formats
from watchkeeper.streams.fold.checkpoint import VERSION, Checkpoint, UnreadableCheckpoint
from watchkeeper.streams.fold.protocol import LAST_OFFSET, Fold, Message, Record
from watchkeeper.streams.fold.rejection import rejection
from watchkeeper.streams.topics.flow import DESTINATIONS, INTERNAL_TOPICS

REPEATABLE_TOPICS = frozenset({"rejected"})
"""Topics whose records may repeat, as keys identify them: delivered before the checkpoint, not in it."""
SAVE_BYTES_PER_SECOND = 4 * 2**20
"""The most that one keeper writes on average: larger checkpoints are saved less often. Chosen by hand."""


class Store(Protocol):
    """Where checkpoints live."""

    async def load(self, stage: str, partition: int) -> tuple[Checkpoint | None, Any]:
        """Return the newest checkpoint, or None, and the fence that `save` needs."""

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint, fence: Any) -> int:
        """Write a checkpoint, wait until it is safe, return its bytes. Superseded if the fence was lost."""

    def read(self, topic: str, partition: int, first: int, last: int) -> AsyncIterator[Sequence[Record]]:
        """Read records again, from `first` to `last` inclusive, in batches."""


class Outlet(Protocol):
    """Where outputs go."""

    async def deliver(
        self, source: str, first_sequence: int, messages: Sequence[Message], is_current: Callable[[], bool]
    ) -> None:
        """Deliver in order, and return when all have arrived; try again as long as that can help.

        NotOurs before a try when `is_current` returns False: the partition may be another worker's.
        """

    async def announce(self, messages: Sequence[Message]) -> None:
        """Deliver outputs that may repeat without harm."""


class NotOurs(WatchkeeperError):
    """The partition may be another worker's by now: deliver nothing more of it."""


class Superseded(WatchkeeperError):
    """The partition is another worker's now: the state in memory is void."""

    def __init__(self, partition: int, why: str) -> None:
        super().__init__(f"partition {partition}: {why}")
        self.partition = partition


class Keeper:
    """One stage's fold over one partition number of its topics."""

    def __init__(
        self,
        stage: str,
        partition: int,
        fold: Fold,
        store: Store,
        outlet: Outlet,
        is_current: Callable[[], bool] = lambda: True,
        destinations: Container[str] = DESTINATIONS,
    ) -> None:
        self.stage = stage
        self.partition = partition
        self.fold = fold
        self.source = f"{stage}/{partition}"
        self.dropped = 0
        self.fence: Any = None
        """The fence from `Store.load`, which `Store.save` needs."""
        self.saved_at_ms = 0
        """When everything folded was last known to be saved, by the monotonic clock."""
        self.progressed_ms = 0
        """When it last folded or saved, by the same clock; the worker sets it."""
        self.waiting: dict[str, int] = {}
        """Number of records that wait to be folded, by topic, where it is known."""
        self.size_bytes = 0
        self._store = store
        self._outlet = outlet
        self._is_current = is_current
        self._destinations = destinations
        self._offsets: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._begun: set[str] = set()
        self._sequence = 0
        self._owed: list[Message] = []
        self._said: list[Message] = []
        self._acks: list[Callable[[], object]] = []
        self._changed = False
        self._unfinished = False
        self._lock = asyncio.Lock()

    async def begin(self, at_ms: int) -> None:
        """Restore the newest checkpoint; its outbox is owed again."""
        self.saved_at_ms = self.progressed_ms = at_ms
        checkpoint, self.fence = await self._store.load(self.stage, self.partition)
        if checkpoint is None:
            return
        self._offsets = dict(checkpoint.offsets)
        self._seen = dict(checkpoint.seen)
        self._sequence = checkpoint.sequence
        self._restore(checkpoint.state)
        for topic, first in self.fold.needs().items():
            async for batch in self._store.read(topic, self.partition, first, self.position(topic) - 1):
                self.fold.remember(topic, batch)
        # Owed again with the same numbers. The first save delivers it, so other partitions do not wait.
        self._sequence -= len(checkpoint.outbox)
        self._owed = list(checkpoint.outbox)

    def _restore(self, state: bytes) -> None:
        try:
            self.fold.restore(state)
        except Exception as error:
            raise UnreadableCheckpoint(f"checkpoint {self.source} holds no state of it: {error}") from error

    async def take(
        self, topic: str, records: Sequence[Record], ack: Callable[[], object], now_ms: int
    ) -> int:
        """Fold the records not folded before and return their number; call `ack` once they are saved."""
        folded = await self._fill(topic, records, now_ms) + self._fold(topic, records, now_ms)
        self._acks.append(ack)
        self._changed = True
        return folded

    async def catch_up(
        self, topics: Sequence[str], now_ms: int, ack: Callable[[str, int], object] = lambda _, __: None
    ) -> None:
        """Fold all records after the checkpoint; once they are saved, call `ack` with the last offset.

        This is for state that was voided within a generation: the consumer has gone on, and may have nothing
        more to deliver.
        """
        for topic in topics:
            async for batch in self._store.read(topic, self.partition, self.position(topic), LAST_OFFSET):
                self._fold(topic, batch, now_ms)
            if topic in self._offsets:
                self._acks.append(partial(ack, topic, self._offsets[topic]))
                self._changed = True

    async def _fill(self, topic: str, records: Sequence[Record], now_ms: int) -> int:
        """Before the first chunk of a topic, fold what lies between the checkpoint and it.

        Usually nothing. But when state was voided within a generation, the consumer has gone on already, and
        the chunks that went down with the state are not delivered again.
        """
        if topic in self._begun or not records:
            return 0
        self._begun.add(topic)
        first, last = self.position(topic), records[0].offset - 1
        if last < first:
            return 0
        batches = self._store.read(topic, self.partition, first, last)
        return sum([self._fold(topic, batch, now_ms) async for batch in batches])

    def _fold(self, topic: str, records: Sequence[Record], now_ms: int) -> int:
        fresh = self._unseen(topic, records, now_ms)
        self.dropped += len(records) - len(fresh)
        if fresh:
            self.fold.fold(topic, fresh, now_ms)
        if records:
            self._offsets[topic] = max(self._offsets.get(topic, -1), records[-1].offset)
        return len(fresh)

    @property
    def unsaved_chunks(self) -> int:
        """How many chunks have been folded since the last snapshot."""
        return len(self._acks)

    def position(self, topic: str) -> int:
        """Return the offset after the last record folded."""
        return self._offsets.get(topic, -1) + 1

    @property
    def is_unsaved(self) -> bool:
        """Whether something was folded, or is owed, that is not saved and delivered yet."""
        return self._changed or bool(self._owed) or self._lock.locked()

    def due(self, at_ms: int, every_ms: int, hurry_ms: int) -> bool:
        """Whether to save now: after `hurry_ms` if outputs wait, after `every_ms` if there is other progress.

        Times are of the monotonic clock. On average, at most `SAVE_BYTES_PER_SECOND` are written.
        """
        if not self._lock.locked():
            self._collect()
        since_ms = at_ms - self.saved_at_ms
        if since_ms * SAVE_BYTES_PER_SECOND < self.size_bytes * 1000:
            return False
        return (bool(self._owed) and since_ms >= hurry_ms) or (self._changed and since_ms >= every_ms)

    async def save(self, at_ms: int) -> list[Message] | None:
        """Save, deliver, ack; return what was delivered, or None if there was nothing to save."""
        async with self._lock:
            self._collect()
            if not self._changed and not self._owed:
                self.saved_at_ms = at_ms
                return None
            if not self._is_current():
                raise Superseded(self.partition, "the group has a new generation")
            if self._unfinished:
                raise Superseded(self.partition, "its last save did not finish")
            checkpoint, acks, said = self._checkpoint()
            self._unfinished = True
            await self._outlet.announce(said)
            self.size_bytes = await self._store.save(self.stage, self.partition, checkpoint, self.fence)
            try:
                if not self._is_current():
                    raise NotOurs
                await self._deliver(checkpoint.sequence, checkpoint.outbox)
            except NotOurs as error:
                raise Superseded(self.partition, "it may be lost, and its outputs with it") from error
            self._unfinished = False
            if self._is_current():
                for ack in acks:
                    ack()
            self.saved_at_ms = at_ms
            return [*said, *checkpoint.outbox]

    def _collect(self) -> None:
        for message in self.fold.outputs():
            if message.topic not in self._destinations:
                self._unfinished = True  # a save after this would lose the outputs
                raise UndeclaredOutput(self.source, message.topic)
            (self._said if message.topic in REPEATABLE_TOPICS else self._owed).append(message)

    def _checkpoint(self) -> tuple[Checkpoint, list[Callable[[], object]], list[Message]]:
        outbox, self._owed = self._owed, []
        said, self._said = self._said, []
        self._sequence += len(outbox)
        acks, self._acks = self._acks, []
        self._changed = False
        state = self.fold.snapshot()
        offsets, seen = dict(self._offsets), dict(self._seen)
        made = Checkpoint(VERSION, offsets, self._sequence, seen, outbox, state, self.source)
        return made, acks, said

    def _deliver(self, sequence: int, outbox: Sequence[Message]) -> Awaitable[None]:
        return self._outlet.deliver(self.source, sequence - len(outbox) + 1, outbox, self._is_current)

    def _unseen(self, topic: str, records: Sequence[Record], now_ms: int) -> Sequence[Record]:
        last = self._offsets.get(topic, -1)
        if not records or records[-1].offset <= last:
            return ()
        if records[0].offset <= last:
            records = [record for record in records if record.offset > last]
        if topic in INTERNAL_TOPICS:
            return [record for record in records if self._is_next(topic, record, now_ms)]
        return records

    def _is_next(self, topic: str, record: Record, now_ms: int) -> bool:
        try:
            origin = formats.origin(record.headers)
        except formats.ForeignHeaders as error:
            why = f"no worker wrote its headers: {error}"
            self._said.append(rejection(topic, self.partition, record, "unreadable", why, now_ms))
            return False
        if origin.format > formats.NEWEST:
            raise formats.NewerFormat(
                f"partition {self.partition} of {topic}: the record at {record.offset} has format "
                f"{origin.format}, this program reads up to {formats.NEWEST}: upgrade this worker"
            )
        if origin.source is None:
            return True
        if origin.sequence <= self._seen.get(origin.source, 0):
            return False
        self._seen[origin.source] = origin.sequence
        return True
