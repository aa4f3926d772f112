"""Faust's aiokafka transport, with one event per fetched chunk instead of one per record.

Faust spends about 60 microseconds on each event; a chunk of a thousand records costs that once. The agent
gets the list of aiokafka records as the event's value and acks the chunk as one: its offset is that of its
last record. Everything here that starts with an underscore is Faust's own private method, which is why the
version of Faust is pinned; `tests/streams/worker/test_transport.py` holds what we rely on.
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

SCHEME = "chunked"
_PAUSED_POLL_SECONDS = 0.02
FETCH_WAIT_MS = 50
KNOWN_MS = 2000
"""How old what a fetch told may be; partitions are fetched every `FETCH_WAIT_MS` or so."""


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Asks the broker often for what is new, and reads only what is committed."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        # Partitions whose records are being worked on are not in the fetch that is under way, and wait for it
        # to end. Stock Faust lets it last 1.5 s when the others have nothing: on each stage of the flow.
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        # Stock Faust reads what transactions wrote that were aborted, or still may be.
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,  # noqa: ASYNC109
        max_records: int | None = None,
    ) -> Any:
        """Fetch; what comes while the flow is stopped goes back at once, and is fetched again.

        A fetch that began before a rebalance ends with records of the new assignment.
        """
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        if self.consumer.flow_active:
            return records
        for partition, chunk in records.items():
            if chunk:
                consumer._fetcher.seek_to(partition, chunk[0].offset)
        return {}


class ChunkConsumer(driver.Consumer):
    """Yields whole chunks, and commits up to the last acked one."""

    _is_reassigning = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._fetched: dict[TP, int] = {}
        self._next: dict[TP, int] = {}

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """Fetch once; yield one message for each partition that had records."""
        records, _ = await self._wait_next_records(timeout)
        generation_id = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        self._note_places(records)
        for partition, chunk in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation_id:
                return
            if chunk:
                tp = TP(partition.topic, partition.partition)
                yield tp, self._chunk_message(tp, chunk, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the flow until the next assignment is in place; Faust does so only where it had partitions."""
        self._is_reassigning = True
        self.stop_flow()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Let the flow be resumed."""
        self._is_reassigning = False
        await super().on_partitions_assigned(assigned, generation_id)

    def resume_flow(self) -> None:
        """Let chunks flow; not for Faust's belated end of one rebalance while the next is under way.

        Faust then throws away what flowed before its own end: chunks of the new assignment would be lost.
        """
        if not self._is_reassigning:
            super().resume_flow()

    async def perform_seek(self) -> None:
        """Forget how far chunks were handed on; the consumer is where it must be.

        It begins each assignment at the committed offsets, or at the beginning, and nothing leaves it before
        the flow is resumed. Faust's own way asks the broker once for each partition, gives up resuming for
        ever when that takes too long, and does not go back where nothing has been committed. What was
        committed is not known either: a commit of the last assignment may have failed.
        """
        self._read_offset.clear()
        self._committed_offset.clear()

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Commit; what failed is tried again with the next. Stock Faust takes it for done."""
        before = {tp: self._committed_offset[tp] for tp in offsets}
        done: bool = await super()._commit_offsets(offsets, start_new_transaction)
        if not done:
            for tp in offsets.keys() & self.assignment():
                self._committed_offset[tp] = before[tp]
                self._acked[tp].append(offsets[tp] - 1)
        return done

    def _note_places(self, records: Any) -> None:
        """Note of each partition how far it was fetched, and where the consumer goes on.

        No fetch is under way now. Between the two lies nothing to fold: ends of transactions, and what was
        aborted or compacted away.
        """
        for partition, chunk in records.items():
            if chunk:
                self._fetched[TP(partition.topic, partition.partition)] = chunk[-1].offset + 1
        for tp in self.assignment():
            with contextlib.suppress(AssertionError, AttributeError):  # it was lost, or has no place yet
                self._next[tp] = self._kafka._subscription.subscription.assignment.state_value(tp).position

    def next_offset(self, tp: TP, folded: int) -> int:
        """Return where the first record to fold can be, given the offset after the last that was folded.

        That is further on where all that was fetched is folded, and what follows holds no records.
        """
        if folded < self._fetched.get(tp, 0):
            return folded
        return max(folded, self._next.get(tp, 0))

    def end_offsets(self, tp: TP) -> tuple[int, int] | None:
        """Return to which offset a partition can be read, and the one after its last record.

        They differ while a transaction is open: what follows its first record waits for its end. None where
        no fetch has told of late: while its broker is away, nobody knows what others have published.
        """
        try:
            told_ms = self._kafka.last_poll_timestamp(tp)
            stable: int | None = self._kafka.last_stable_offset(tp)
            end: int | None = self.highwater(tp)
        except (AssertionError, IllegalStateError):  # it was lost since the caller looked
            return None
        if end is None or told_ms is None or not 0 <= wall_ms() - told_ms <= KNOWN_MS:
            return None
        return (end if stable is None or stable < 0 else min(stable, end)), end

    @property
    def silence_ms(self) -> int:
        """For how long no broker has answered; it is asked every few seconds (`streams/worker/app.py`)."""
        if self._thread._consumer is None:  # it has not asked yet
            return 0
        told_ms: float = self._kafka._client.cluster._last_successful_refresh_ms
        return max(0, wall_ms() - round(told_ms))

    @property
    def _kafka(self) -> Any:
        return self._thread._ensure_consumer()

    def acknowledge(self, tp: TP, offset: int) -> None:
        """Acknowledge up to an offset without a chunk: what lies there was read in another way."""
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
        # Stock Faust sleeps a whole second when every partition is paused by a full buffer.
        if self.flow_active and not self.app.client_only and not self._get_active_partitions():
            await asyncio.sleep(_PAUSED_POLL_SECONDS)
            return {}, set()
        return await super()._wait_next_records(timeout)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps between chunks are normal: a chunk's offset is its last record's."""

    def _new_offset(self, tp: TP) -> int | None:
        # Agents ack chunks in order and only after a checkpoint, so the highest ack covers all before it.
        acked = self._acked[tp]
        if not acked:
            return None
        offset: int = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return offset


class ChunkTransport(driver.Transport):
    """The transport behind `chunked://host:port`."""

    Consumer: ClassVar[type] = ChunkConsumer


def _as_it_is(_: PartitionRecords, __: Any, record: Any) -> Any:
    return record


def register() -> None:
    """Make the scheme known to Faust; harmless to call again."""
    # aiokafka copies each record into a Python object, half of what reading costs; its own has all we read.
    PartitionRecords._consumer_record = _as_it_is
    fetcher.MemoryRecords = Batches
    TRANSPORTS.aliases[SCHEME] = f"{ChunkTransport.__module__}:{ChunkTransport.__qualname__}"
