"""Checkpoints in a compacted topic, written by a producer that fences whoever owned the partition before."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer

from streams import checkpoint as wire
from streams.checkpoint import Checkpoint
from streams.fold import Record
from streams.kafka import BrokerError, producer, read_to_end
from streams.keeper import Superseded
from streams.settings import Settings
from streams.topics import topic_name

log = logging.getLogger("watchkeeper.store")
T = TypeVar("T")
TAILS = (64, 2048)
_TAIL = -2000  # librdkafka: offset `_TAIL - n` is the n-th record from the end
BATCH = 2000
COMMIT_SECONDS = 30


class Fence:
    """The right to write checkpoints of one partition number; taking it ends its last holder's.

    It is a transactional producer: the broker lets only the newest holder of a transactional id write. A
    worker that was frozen while its partitions moved finds out at its next checkpoint, before any harm.
    """

    def __init__(self, settings: Settings, partition: int) -> None:
        self._topic = topic_name(settings, "checkpoints")
        self._partition = partition
        self._lock = threading.Lock()
        self._producer: Producer = producer(
            settings,
            **{
                "transactional.id": f"{settings.topic_prefix}{settings.application}-{partition}",
                "transaction.timeout.ms": 60_000,
                "linger.ms": 0,
                "log_level": 3,
                "compression.type": "none",
            },
        )
        self._producer.init_transactions(COMMIT_SECONDS)

    def write(self, key: str, value: bytes) -> None:
        """Write one checkpoint and wait until it is safe."""
        with self._lock:
            try:
                self._producer.begin_transaction()
                self._producer.produce(self._topic, value, key, partition=self._partition)
                self._producer.commit_transaction(COMMIT_SECONDS)
            except KafkaException as error:
                # Whatever went wrong with the transaction, this producer is of no use any more: a new one
                # begins from what the topic holds.
                if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                raise Superseded(self._partition, error.args[0].str()) from error


class KafkaStore:
    """Where a worker's keepers load and save. Blocking calls run in threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topic_name(settings, "checkpoints")
        self._fences: dict[int, Fence] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def load(self, stage: str, partition: int) -> Checkpoint | None:
        """Take the fence of the partition if it is not held, then read the newest checkpoint."""
        async with self._locks.setdefault(partition, asyncio.Lock()):
            if partition not in self._fences:
                self._fences[partition] = await _patiently(Fence, self._settings, partition)
        return await _patiently(self._load, f"{stage}/{partition}", partition)

    def _load(self, source: str, partition: int) -> Checkpoint | None:
        for start in (*(_TAIL - tail for tail in TAILS), None):
            found = None
            for message in read_to_end(self._settings, self._topic, partition, start):
                if message.key() == source.encode() and message.value() is not None:
                    found = message.value()
            if found is not None:
                return wire.decode(found, source)
        return None

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint) -> int:
        """Write it through the fence that is held now; Superseded if that can't be."""
        value = wire.encode(checkpoint, self._settings.write_format)
        fence = self._fences.get(partition)
        if fence is None:
            raise Superseded(partition, "its fence was given up")
        await asyncio.to_thread(fence.write, f"{stage}/{partition}", value)
        return len(value)

    async def read(self, topic: str, partition: int, first: int, last: int) -> list[list[Record]]:
        """Read source records again, both ends included."""
        return await _patiently(self._read, topic_name(self._settings, topic), partition, first, last)

    def _read(self, topic: str, partition: int, first: int, last: int) -> list[list[Record]]:
        if last < first:
            return []
        batches: list[list[Record]] = [[]]
        for record in map(_record, read_to_end(self._settings, topic, partition, first)):
            if record.offset > last:
                break
            if len(batches[-1]) == BATCH:
                batches.append([])
            batches[-1].append(record)
        return batches

    def drop(self, partition: int) -> None:
        """Give a fence up; the next `load` takes it again."""
        self._fences.pop(partition, None)


async def _patiently(work: Callable[..., T], *given: Any) -> T:
    """Do blocking work in a thread, again and again while the broker does not answer."""
    delay_seconds = 0.2
    while True:
        try:
            return await asyncio.to_thread(work, *given)
        except (KafkaException, BrokerError) as error:
            log.warning("trying again: %s", error)
        await asyncio.sleep(delay_seconds)
        delay_seconds = min(2 * delay_seconds, 5)


def _record(message: Any) -> Record:
    return Record(
        message.offset(), message.timestamp()[1], message.key(), message.value(), message.headers() or ()
    )
