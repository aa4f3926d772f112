"""Stores checkpoints in a compacted topic, with a producer that fences previous owners of the partition."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaException
from confluent_kafka import Message as KafkaMessage
from msgspec.structs import replace

from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.fence import Fence
from watchkeeper.streams.fold.parts import PART_BYTES, Assembly, split, tombstones
from watchkeeper.streams.fold.protocol import LOG_APPEND_TIME, Record
from watchkeeper.streams.kafka.client import BrokerError, headers_of, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import known_topic, topic_name

log = logging.getLogger("watchkeeper.store")
T = TypeVar("T")
TAILS = (64, 2048)
"""Numbers of records at the end of the topic to search for a checkpoint, before the whole topic is read.
Chosen by hand: one short read usually finds it."""
_TAIL = -2000
"""In librdkafka, offset `_TAIL - n` means the n-th record from the end."""
CHECKPOINT_BYTES_MAX = 256 * 2**20
"""Maximum bytes of one compressed checkpoint. Chosen by hand: it bounds the memory and time of a restart."""
BATCH_RECORDS = 2_000
"""Maximum records to reread and fold at once. Chosen by hand: the event loop must stay responsive."""
BATCH_BYTES = 4 * 2**20
"""Maximum bytes of such a batch, plus one record. Chosen by hand: it bounds memory."""
# A separate pool: while the broker is away, all its threads block, and other work must not wait for them.
_threads = ThreadPoolExecutor(64, "store")


class _Held:
    """A fence that this worker holds, and the checkpoints that were read after it was taken."""

    def __init__(self, fence: Fence) -> None:
        self.fence = fence
        self.reset()

    def reset(self) -> None:
        """Forget the checkpoints that were read."""
        self.assembly = Assembly()
        self.starts: list[int | None] = [*(_TAIL - tail for tail in TAILS), None]
        self.returned: set[bytes] = set()


class KafkaStore:
    """The checkpoints of a worker's keepers. Blocking calls run in threads.

    Args:
        settings: They give the broker, the prefix of names, and the format to write.
        part_bytes: Maximum bytes of a checkpoint in one record.
        bytes_max: Maximum bytes of one compressed checkpoint.
    """

    def __init__(
        self,
        settings: Settings,
        part_bytes: int = PART_BYTES,
        bytes_max: int = CHECKPOINT_BYTES_MAX,
    ) -> None:
        self._settings = settings
        self._topic = topic_name(settings, "checkpoints")
        self._part_bytes = part_bytes
        self._bytes_max = bytes_max
        self._held: dict[int, _Held] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._writing: dict[Fence, asyncio.Lock] = {}
        self._parts: dict[bytes, int] = {}

    async def load(self, stage: str, partition: int) -> tuple[Checkpoint | None, Fence]:
        """Take the fence of the partition if this worker does not hold it, then read the newest checkpoint.

        Pass the returned fence to `save`. If another worker has taken it since, `save` fails.
        """
        source = f"{stage}/{partition}"
        async with self._locks.setdefault(partition, asyncio.Lock()):
            held = self._held.get(partition)
            if held is None:
                held = self._held[partition] = _Held(await _retry(Fence, self._settings, partition))
            value = await _retry(self._find, source.encode(), partition, held)
        found = None if value is None else await _in_thread(wire.decode, value, source)
        if found is not None and found.subject_partitions not in (0, self._settings.partitions_of_subjects):
            raise _subjects_moved(source, found.subject_partitions, self._settings.partitions_of_subjects)
        return found, held.fence

    def _find(self, key: bytes, partition: int, held: _Held) -> bytes | None:
        """Return the newest value of a key. One read of the topic's end serves all stages of a partition."""
        if key in held.returned:  # A newer one may have been saved since.
            held.reset()
        while key not in held.assembly.values and held.starts:
            assembly = Assembly()
            for message in read_to_end(self._settings, self._topic, partition, held.starts[0]):
                if message.key() is not None:
                    assembly.see(message.key(), message.value())
            held.assembly = assembly
            held.starts.pop(0)
        held.returned.add(key)
        self._parts[key] = held.assembly.parts.get(key, 0)
        return held.assembly.values.pop(key, None)

    def holds(self, partition: int, fence: Fence) -> bool:
        """Whether the store still holds a fence that `load` returned."""
        return partition in self._held and self._held[partition].fence is fence

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint, fence: Fence) -> int:
        """Write a checkpoint with the fence that `load` returned, and return its compressed size in bytes.

        Raises:
            Superseded: Another worker has taken the fence.
            Unrecoverable: The checkpoint is too large, or the broker rejects it permanently.
        """
        key = f"{stage}/{partition}".encode()
        value = await _in_thread(self._encode, checkpoint)
        records: list[tuple[bytes, bytes | None]] = [*split(key, value, self._part_bytes)]
        parts = len(records) - 1
        records += tombstones(key, range(parts, self._parts.get(key, 0)))
        async with self._writing.setdefault(fence, asyncio.Lock()):
            await _in_thread(fence.write, records)
        self._parts[key] = parts
        return len(value)

    def _encode(self, checkpoint: Checkpoint) -> bytes:
        checkpoint = replace(checkpoint, subject_partitions=self._settings.partitions_of_subjects)
        try:
            value = wire.encode(checkpoint, self._settings.write_format)
        except ValueError as error:
            raise _too_large(checkpoint.source, str(error)) from error
        if len(value) > self._bytes_max:
            why = f"it has {_mib(len(value))} compressed; the maximum is {_mib(self._bytes_max)}"
            raise _too_large(checkpoint.source, why)
        return value

    async def read(self, topic: str, partition: int, first: int, last: int) -> AsyncIterator[list[Record]]:
        """Reread source records in batches, and retry while the broker is away.

        Args:
            topic: The name of the topic, without the prefix.
            partition: The partition number.
            first: The first offset to read.
            last: The last offset to read.
        """
        name = topic_name(self._settings, known_topic(topic))
        delay_seconds = 0.2
        while first <= last:
            reader = read_to_end(self._settings, name, partition, first)
            try:
                while batch := await _in_thread(_batch, reader, last):
                    yield batch
                    first, delay_seconds = batch[-1].offset + 1, 0.2
                return
            except (KafkaException, BrokerError) as error:
                log.warning("trying again to reread %s: %s", topic, error)
            finally:
                with contextlib.suppress(ValueError):  # Cancelled while a thread is still reading.
                    reader.close()
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(2 * delay_seconds, 5)

    def drop(self, partition: int) -> None:
        """Release the fence of a partition. The next `load` takes a new one."""
        held = self._held.pop(partition, None)
        if held is not None:
            self._writing.pop(held.fence, None)


def _batch(reader: Iterator[KafkaMessage], last: int) -> list[Record]:
    """Take records from a reader until a batch is full. The batch is empty at the end of the reader."""
    batch: list[Record] = []
    size_bytes = 0
    for message in islice(reader, BATCH_RECORDS):
        if message.offset() > last:
            break
        batch.append(_record(message))
        size_bytes += len(message.value() or b"")
        if message.offset() == last or size_bytes >= BATCH_BYTES:
            break
    return batch


async def _in_thread(work: Callable[..., T], *given: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work, *given)


async def _retry(work: Callable[..., T], *given: Any) -> T:
    """Run blocking work in a thread, and retry it while the broker does not answer."""
    delay_seconds = 0.2
    while True:
        try:
            return await _in_thread(work, *given)
        except (KafkaException, BrokerError) as error:
            log.warning("trying again: %s", error)
        await asyncio.sleep(delay_seconds)
        delay_seconds = min(2 * delay_seconds, 5)


def _too_large(source: str, why: str) -> Unrecoverable:
    return Unrecoverable(
        f"the checkpoint of {source} is too large to be saved ({why}): watch fewer features, segments or "
        "versions, or split the models over more partitions or a second installation"
    )


def _subjects_moved(source: str, saved: int, given: int) -> Unrecoverable:
    return Unrecoverable(
        f"the checkpoint of {source} has its subjects over {saved} partitions, the settings over {given}: "
        f"set WATCHKEEPER_SUBJECT_PARTITIONS={saved}, or state would be in the wrong partitions"
    )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.0f} MiB"


def _record(message: KafkaMessage) -> Record:
    kind, at_ms = message.timestamp()
    by_broker = LOG_APPEND_TIME if kind == TIMESTAMP_LOG_APPEND_TIME else 0
    return Record(message.offset(), at_ms, message.key(), message.value(), headers_of(message), by_broker)
