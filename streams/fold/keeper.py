"""Keeps one fold of one partition: passes it each record once, saves it, delivers its outputs, acknowledges.

The guarantee rests on this order:

1. Fold the records in memory.
2. Save `{offsets, sequence, seen, outbox, state}` as one record, and wait for the broker.
3. Deliver the outbox, and wait.
4. Acknowledge the records.

After a crash, the next keeper delivers the outbox again and drops records at or below the saved offsets. A
reader that receives an output twice drops the second one by its sequence number.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Sequence
from functools import partial
from typing import Any

from watchkeeper.streams.errors import UndeclaredOutput
from watchkeeper.streams.fold.checkpoint import VERSION, Checkpoint, UnreadableCheckpoint
from watchkeeper.streams.fold.interfaces import NotOwner, Outlet, Store, Superseded
from watchkeeper.streams.fold.log_change import LogChange
from watchkeeper.streams.fold.outbox import Outbox
from watchkeeper.streams.fold.positions import Facts, Positions, no_facts
from watchkeeper.streams.fold.protocol import LAST_OFFSET, Fold, Message, Record
from watchkeeper.streams.fold.sequences import Sequences
from watchkeeper.streams.topics.flow import DESTINATIONS

SAVE_BYTES_PER_SECOND = 4 * 2**20
"""Maximum bytes per second that one keeper writes on average. Larger checkpoints are saved less often.
Chosen by hand: load on the broker against records to reread after a crash."""
SEQUENCES_PER_MS = 1_000
"""Outputs per millisecond that the sequence numbers of a stage leave room for, where its last number is not
known: they go on from the clock. Chosen by hand: no stage sends a million outputs a second."""


class Keeper:
    """Keeps the fold of one stage over one partition number of its topics.

    Args:
        stage: The name of the stage.
        partition: The partition number.
        fold: The fold.
        store: Loads and saves the checkpoints.
        outlet: Delivers the outputs.
        is_current: Whether this worker still owns the partition, as far as it knows.
        destinations: The topics and sinks to which the fold may send.
        facts: Returns what the broker says of the logs of the stage's topics.
    """

    def __init__(
        self,
        stage: str,
        partition: int,
        fold: Fold,
        store: Store,
        outlet: Outlet,
        is_current: Callable[[], bool] = lambda: True,
        destinations: Container[str] = DESTINATIONS,
        facts: Callable[[Positions], Awaitable[Facts]] = no_facts,
    ) -> None:
        self.stage = stage
        self.partition = partition
        self.fold = fold
        self.source = f"{stage}/{partition}"
        self.dropped = 0
        """Number of records that were dropped as repeats."""
        self.fence: Any = None
        """The fence that `Store.load` returned."""
        self.saved_at_ms = 0
        """When all folded records were last known to be saved, by the monotonic clock."""
        self.progressed_ms = 0
        """When it last folded or saved, by the same clock. The worker sets it."""
        self.waiting: dict[str, int] = {}
        """Topic -> number of records that wait to be folded, if known. The worker sets it."""
        self.size_bytes = 0
        """Size of the last checkpoint."""
        self._store = store
        self._outlet = outlet
        self._is_current = is_current
        self._outbox = Outbox(self.source, destinations)
        self._facts = facts
        self.positions = Positions()
        """How far each topic is read, and what became of its log."""
        self._sequences = Sequences(partition)
        self._started: set[str] = set()
        self._sequence = 0
        self._acks: list[Callable[[], object]] = []
        self._changed = False
        self._unfinished = False
        self._lock = asyncio.Lock()

    async def begin(self, at_ms: int, now_ms: int = 0) -> None:
        """Restore the newest checkpoint, and compare it with the logs. The first save delivers its outbox.

        Args:
            at_ms: The current time of the monotonic clock.
            now_ms: The current time, since 1970.
        """
        self.saved_at_ms = self.progressed_ms = at_ms
        checkpoint, self.fence = await self._store.load(self.stage, self.partition)
        if checkpoint is not None:
            self.positions.restore(checkpoint.offsets, checkpoint.logs)
            self._sequences.seen = dict(checkpoint.seen)
            self._restore(checkpoint.state)
            # The outbox keeps its numbers. The first save delivers it, so that other partitions do not wait.
            self._sequence = checkpoint.sequence - len(checkpoint.outbox)
            self._outbox.owed = list(checkpoint.outbox)
        facts = await self._facts(self.positions)
        for topic, change in self.positions.compare(facts, checkpoint is not None, now_ms):
            self._go_on(topic, change, now_ms)
        for topic, first in self.fold.needs().items():
            async for batch in self._store.read(topic, self.partition, first, self.position(topic) - 1):
                self.fold.remember(topic, batch)
        await self._refold(now_ms)

    def _go_on(self, topic: str, change: LogChange, now_ms: int) -> None:
        self._changed = True
        if change.changes_log:
            self.fold.log_changed(topic, change.valid_to)
        if change.changes_checkpoint:
            # Outputs were sent after the checkpoint. With their numbers, new ones would pass for repeats.
            self._sequence = max(self._sequence, now_ms * SEQUENCES_PER_MS)
            self._outbox.owed = []

    async def _refold(self, now_ms: int) -> None:
        """Fold again what only lost checkpoints held. Its outputs have arrived, so they are dropped."""
        ends = {topic: change.refold_to for topic, change in self.positions.changes if change.refold_to}
        for topic, end in ends.items():
            async for batch in self._store.read(topic, self.partition, self.position(topic), end - 1):
                self._fold(topic, batch, now_ms)
        if ends:
            self.fold.outputs()
            self._sequences.rejections.clear()

    def touch(self) -> None:
        """Save soon, also if nothing is folded: the account of a log has changed."""
        self._changed = True

    def retire(self) -> None:
        """Save nothing any more: another keeper takes over in this process."""
        self._unfinished = True

    def _restore(self, state: bytes) -> None:
        try:
            self.fold.restore(state)
        except Exception as error:
            why = f"checkpoint {self.source} holds no state of its fold: {error}"
            raise UnreadableCheckpoint(why) from error

    async def take(
        self, topic: str, records: Sequence[Record], ack: Callable[[], object], now_ms: int
    ) -> int:
        """Fold the records that were not folded before.

        Args:
            topic: The topic of the records, without the prefix.
            records: Consecutive records of the partition.
            ack: Called once the records are saved and their outputs delivered.
            now_ms: The current time, since 1970.

        Returns:
            The number of records that were folded.
        """
        folded = await self._fill(topic, records, now_ms) + self._fold(topic, records, now_ms)
        self._acks.append(ack)
        self._changed = True
        return folded

    async def catch_up(
        self, topics: Sequence[str], now_ms: int, ack: Callable[[str, int], object] = lambda _, __: None
    ) -> None:
        """Fold all records after the checkpoint.

        It is needed when the state was dropped within a generation: the consumer is ahead of the checkpoint,
        does not deliver the dropped chunks again, and may have nothing more to deliver.

        Args:
            topics: The topics of the stage, without the prefix.
            now_ms: The current time, since 1970.
            ack: Called with each topic and its last offset, once the records are saved.
        """
        for topic in topics:
            async for batch in self._store.read(topic, self.partition, self.position(topic), LAST_OFFSET):
                self._fold(topic, batch, now_ms)
            if topic in self.positions.offsets:
                self._acks.append(partial(ack, topic, self.positions.offsets[topic]))
                self._changed = True

    async def _fill(self, topic: str, records: Sequence[Record], now_ms: int) -> int:
        """Before the first chunk of a topic, fold what lies between the checkpoint and it: see `catch_up`."""
        if topic in self._started or not records:
            return 0
        self._started.add(topic)
        first, last = self.position(topic), records[0].offset - 1
        if last < first:
            return 0
        batches = self._store.read(topic, self.partition, first, last)
        return sum([self._fold(topic, batch, now_ms) async for batch in batches])

    def _fold(self, topic: str, records: Sequence[Record], now_ms: int) -> int:
        unread = self.positions.unread(topic, records)
        fresh = self._sequences.fresh(topic, unread, now_ms)
        self.dropped += len(records) - len(fresh)
        if fresh:
            self.fold.fold(topic, fresh, now_ms)
        self.positions.move(topic, unread, len(fresh))
        return len(fresh)

    @property
    def unsaved_chunks(self) -> int:
        """Number of chunks that were folded since the last snapshot."""
        return len(self._acks)

    def position(self, topic: str) -> int:
        """Return the offset after the last folded record of a topic."""
        return self.positions.next(topic)

    @property
    def is_unsaved(self) -> bool:
        """Whether folded records are not saved yet, or outputs are not delivered yet."""
        return self._changed or bool(self._outbox.owed) or self._lock.locked()

    def due(self, at_ms: int, every_ms: int, hurry_ms: int) -> bool:
        """Whether to save now. On average, at most `SAVE_BYTES_PER_SECOND` are written.

        Args:
            at_ms: The current time of the monotonic clock.
            every_ms: Time between two saves if no outputs wait.
            hurry_ms: Time between two saves if outputs wait.
        """
        if not self._lock.locked():
            self._collect()
        since_ms = at_ms - self.saved_at_ms
        if since_ms * SAVE_BYTES_PER_SECOND < self.size_bytes * 1000:
            return False
        return (bool(self._outbox.owed) and since_ms >= hurry_ms) or (self._changed and since_ms >= every_ms)

    async def save(self, at_ms: int) -> list[Message] | None:
        """Save the state, deliver the outputs, and acknowledge the records.

        Args:
            at_ms: The current time of the monotonic clock.

        Returns:
            The delivered outputs; None if there was nothing to save.

        Raises:
            Superseded: Another worker owns the partition, or may own it.
        """
        async with self._lock:
            self._collect()
            if not self._changed and not self._outbox.owed:
                self.saved_at_ms = at_ms
                return None
            if not self._is_current():
                raise Superseded(self.partition, "the group has a new generation")
            if self._unfinished:
                raise Superseded(self.partition, "its last save did not finish")
            checkpoint, acks, repeatable = self._checkpoint()
            self._unfinished = True
            await self._outlet.announce(repeatable)
            self.size_bytes = await self._store.save(self.stage, self.partition, checkpoint, self.fence)
            try:
                if not self._is_current():
                    raise NotOwner
                await self._deliver(checkpoint.sequence, checkpoint.outbox)
            except NotOwner as error:
                raise Superseded(
                    self.partition, "it may be lost, so its outputs are not delivered"
                ) from error
            self._unfinished = False
            if self._is_current():
                for ack in acks:
                    ack()
            self.saved_at_ms = at_ms
            return [*repeatable, *checkpoint.outbox]

    def _collect(self) -> None:
        rejections, self._sequences.rejections = self._sequences.rejections, []
        try:
            self._outbox.add([*rejections, *self.fold.outputs()])
        except UndeclaredOutput:
            self._unfinished = True  # A later save would lose the outputs.
            raise

    def _checkpoint(self) -> tuple[Checkpoint, list[Callable[[], object]], list[Message]]:
        outbox, repeatable = self._outbox.take()
        self._sequence += len(outbox)
        acks, self._acks = self._acks, []
        self._changed = False
        state = self.fold.snapshot()
        offsets, logs = self.positions.saved()
        seen = dict(self._sequences.seen)
        made = Checkpoint(VERSION, offsets, self._sequence, seen, outbox, state, self.source, logs)
        return made, acks, repeatable

    def _deliver(self, sequence: int, outbox: Sequence[Message]) -> Awaitable[None]:
        return self._outlet.deliver(self.source, sequence - len(outbox) + 1, outbox, self._is_current)
