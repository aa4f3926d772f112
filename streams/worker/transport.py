"""Faust's aiokafka transport, with one event for each fetched chunk instead of one for each record.

Faust spends about 60 microseconds on each event. A chunk of a thousand records costs that once. An agent gets
the list of aiokafka records as the value of the event, and acknowledges the chunk as a whole: the offset of a
chunk is that of its last record. Most names with an underscore are private methods of Faust, so its version
is pinned. `tests/streams/worker/test_transport.py` tests what this module relies on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from watchkeeper.streams.worker.batches import Batches
from watchkeeper.streams.worker.clock import wall_ms
from watchkeeper.streams.worker.decompression import bound_decompression

SCHEME = "chunked"
"""The scheme of the transport's URLs."""
_PAUSED_POLL_SECONDS = 0.02
"""Seconds to wait while all partitions are paused. Chosen by hand: Faust waits one second."""
FETCH_WAIT_MS = 50
"""Maximum milliseconds that the broker holds a fetch. Chosen by hand: with Faust's default, each stage
waited up to 1.5 s for a fetch of other partitions."""
KNOWN_MS = 2000
"""Maximum age of the end offset of a fetch, in milliseconds. Chosen by hand: partitions are fetched
about every `FETCH_WAIT_MS`."""


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Fetches often, and reads only committed records."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        # Partitions whose records are being processed are not in the current fetch, and wait for its end. In
        # stock Faust that takes up to 1.5 s, at each stage, if the other partitions have no records.
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        # Stock Faust also reads records of aborted and open transactions.
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,  # noqa: ASYNC109
        max_records: int | None = None,
    ) -> Any:
        """Fetch records. If the flow is stopped, seek back, so that they are fetched again later.

        A fetch that starts before a rebalance can return records of the new assignment.
        """
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        if self.consumer.flow_active:
            return records
        for partition, chunk in records.items():
            if chunk:
                consumer._fetcher.seek_to(partition, chunk[0].offset)
        return {}


class ChunkConsumer(driver.Consumer):
    """Yields chunks, and commits up to the last acknowledged one."""

    _is_reassigning = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._fetched: dict[TP, int] = {}
        self._next: dict[TP, int] = {}

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Fetch once, and yield one message for each partition with records."""
        records, _ = await self._wait_next_records(timeout)
        generation_id = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        self._note_positions(records)
        self._follow_back(records)
        for partition, chunk in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation_id:
                return
            if chunk:
                tp = TP(partition.topic, partition.partition)
                yield tp, self._chunk_message(tp, chunk, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow until the next assignment is complete. Faust does so only if it had partitions."""
        self._is_reassigning = True
        self.stop_flow()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Allow the flow to resume."""
        self._is_reassigning = False
        await super().on_partitions_assigned(assigned, generation_id)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing. Faust logs an error for a partition without new records: quiet is not broken.

        `worker/health.py` checks progress, and `worker/waits.py` logs what a worker waits for.
        """

    def resume_flow(self) -> None:
        """Resume the flow, unless the next rebalance has already started.

        Faust can end a rebalance late, during the next one. It then discards the chunks that flowed before:
        chunks of the new assignment would be lost.
        """
        if not self._is_reassigning:
            super().resume_flow()

    async def perform_seek(self) -> None:
        """Reset the read and committed offsets. No seek is needed.

        The consumer starts each assignment at the committed offsets, or at the beginning, and returns nothing
        before the flow resumes. Faust's method sends a request for each partition. If that takes too long, it
        never resumes, and it does not seek back partitions without a committed offset. The committed
        offsets are reset too, because a commit of the previous assignment may have failed.
        """
        self._read_offset.clear()
        self._committed_offset.clear()

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Commit offsets. A failed commit is retried with the next one; stock Faust treats it as done."""
        before = {tp: self._committed_offset[tp] for tp in offsets}
        done: bool = await super()._commit_offsets(offsets, start_new_transaction)
        if not done:
            for tp in offsets.keys() & self.assignment():
                self._committed_offset[tp] = before[tp]
                self._acked[tp].insert(0, offsets[tp] - 1)
        return done

    def _follow_back(self, records: Any) -> None:
        """Let records pass that come before those that were read: their log has been cut off or made anew.

        Faust would drop them, and commit nothing until their offsets pass those of the old log. The keeper
        drops what it has folded.
        """
        for partition, chunk in records.items():
            tp = TP(partition.topic, partition.partition)
            read = self._read_offset.get(tp)
            if chunk and read is not None and chunk[0].offset <= read:
                self._read_offset[tp] = self._committed_offset[tp] = None
                self._acked[tp].clear()

    def _note_positions(self, records: Any) -> None:
        """Note the last fetched offset and the consumer's position of each partition.

        It is called when no fetch is in progress. There is nothing to fold between the two: only ends of
        transactions, and records that were aborted or compacted away.
        """
        for partition, chunk in records.items():
            if chunk:
                self._fetched[TP(partition.topic, partition.partition)] = chunk[-1].offset + 1
        for tp in self.assignment():
            with contextlib.suppress(
                AssertionError, AttributeError
            ):  # It was revoked, or has no position yet.
                self._next[tp] = self._kafka._subscription.subscription.assignment.state_value(tp).position

    def next_offset(self, tp: TP, folded: int) -> int:
        """Return the lowest offset at which a record to fold can be.

        If all fetched records are folded, it is the position of the consumer: between the last record and the
        position, there are no records.

        Args:
            tp: The partition.
            folded: The offset after the last folded record.
        """
        if folded < self._fetched.get(tp, 0):
            return folded
        return max(folded, self._next.get(tp, 0))

    def end_offsets(self, tp: TP) -> tuple[int, int] | None:
        """Return up to which offset a partition can be read now, and the offset after its last record.

        They differ while a transaction is open: its records, and all after them, can be read only after its
        end. The result is None if no recent fetch returned the offsets: while the broker is away, the end of
        the partition is unknown.
        """
        try:
            fetched_ms = self._kafka.last_poll_timestamp(tp)
            stable: int | None = self._kafka.last_stable_offset(tp)
            end: int | None = self.highwater(tp)
        except (AssertionError, IllegalStateError):  # The partition was revoked meanwhile.
            return None
        if end is None or fetched_ms is None or not 0 <= wall_ms() - fetched_ms <= KNOWN_MS:
            return None
        return (end if stable is None or stable < 0 else min(stable, end)), end

    @property
    def has_client(self) -> bool:
        """Whether the client that talks to the broker exists. Before that, nothing can be asked of it."""
        return self._thread._consumer is not None

    @property
    def silence_ms(self) -> int:
        """Milliseconds since a broker last answered. The client sends a request every `app.METADATA_MS`."""
        if self._thread._consumer is None:  # The client has sent no request yet.
            return 0
        answered_ms: float = self._kafka._client.cluster._last_successful_refresh_ms
        return max(0, wall_ms() - round(answered_ms))

    @property
    def _kafka(self) -> Any:
        return self._thread._ensure_consumer()

    def acknowledge(self, tp: TP, offset: int) -> None:
        """Acknowledge all records up to an offset that were read without chunks.

        Args:
            tp: The partition.
            offset: The offset of the last of these records.
        """
        if tp in self.assignment():
            self._acked[tp].append(offset)

    def _chunk_message(self, tp: TP, chunk: list[Any], generation_id: int) -> ConsumerMessage:
        last = chunk[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            [],
            None,
            chunk,
            None,
            0,
            0,
            tp,
            generation_id=generation_id,
        )

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109
        # Stock Faust sleeps for one second when full buffers pause all partitions.
        if self.flow_active and not self.app.client_only and not self._get_active_partitions():
            await asyncio.sleep(_PAUSED_POLL_SECONDS)
            return {}, set()
        return await super()._wait_next_records(timeout)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing. Gaps are normal: the offset of a chunk is that of its last record."""

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Commit also offsets that are lower than before: those of a log that has been made anew."""
        return bool(offset != self._committed_offset[tp])

    def _new_offset(self, tp: TP) -> int | None:
        # Agents acknowledge chunks in order, only after a checkpoint: the last offset covers all others.
        acked = self._acked[tp]
        if not acked:
            return None
        offset: int = acked[-1] + 1
        acked.clear()
        self._acked_index[tp].clear()
        return offset


class ChunkTransport(driver.Transport):
    """The transport behind `chunked://host:port`."""

    Consumer: ClassVar[type] = ChunkConsumer


def _unchanged(_: PartitionRecords, __: Any, record: Any) -> Any:
    return record


def register() -> None:
    """Register the scheme in Faust. It may be called repeatedly."""
    # aiokafka copies each record: half the cost of reading. The original has all fields that folds need.
    PartitionRecords._consumer_record = _unchanged
    fetcher.MemoryRecords = Batches
    bound_decompression()
    TRANSPORTS.aliases[SCHEME] = f"{ChunkTransport.__module__}:{ChunkTransport.__qualname__}"
