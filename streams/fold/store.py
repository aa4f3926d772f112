"""Checkpoints in a compacted topic, written by a producer that fences whoever owned the partition before."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka import Message as KafkaMessage

from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.fence import Fence
from watchkeeper.streams.fold.parts import PART_BYTES, Assembly, split, tombstones
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.kafka.client import BrokerError, headers_of, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import known_topic, topic_name

log = logging.getLogger("watchkeeper.store")
T = TypeVar("T")
TAILS = (64, 2048)
_TAIL = -2000  # librdkafka: offset `_TAIL - n` is the n-th record from the end
CHECKPOINT_BYTES_MAX = 256 * 2**20
"""Most of one checkpoint, compressed."""
BATCH_RECORDS = 2_000
"""Read and folded at once: a worker with many partitions to catch up with answers meanwhile."""
BATCH_BYTES = 4 * 2**20
# Threads of their own: while a broker is away these all wait, and nobody else must wait behind them.
_threads = ThreadPoolExecutor(64, "store")


class _Held:
    """A fence that is held, and what was found on the topic after it was taken."""

    def __init__(self, fence: Fence) -> None:
        self.fence = fence
        self.begin_again()

    def begin_again(self) -> None:
        """Forget what was found."""
        self.assembly = Assembly()
        self.unread: list[int | None] = [*(_TAIL - tail for tail in TAILS), None]
        self.given: set[bytes] = set()


class KafkaStore:
    """Where a worker's keepers load and save. Blocking calls run in threads."""

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
        """Take the fence of the partition if it is not held, then read the newest checkpoint.

        Its saves need the fence that is returned: should it have been lost meanwhile, they fail.
        """
        source = f"{stage}/{partition}"
        async with self._locks.setdefault(partition, asyncio.Lock()):
            held = self._held.get(partition)
            if held is None:
                held = self._held[partition] = _Held(await _patiently(Fence, self._settings, partition))
            value = await _patiently(self._find, source.encode(), partition, held)
        return (None if value is None else await _in_thread(wire.decode, value, source)), held.fence

    def _find(self, key: bytes, partition: int, held: _Held) -> bytes | None:
        """Return the newest value of a key; one read of the topic's tail serves all stages of a partition."""
        if key in held.given:  # it may have been saved since
            held.begin_again()
        while key not in held.assembly.values and held.unread:
            assembly = Assembly()
            for message in read_to_end(self._settings, self._topic, partition, held.unread[0]):
                if message.key() is not None:
                    assembly.see(message.key(), message.value())
            held.assembly = assembly
            held.unread.pop(0)
        held.given.add(key)
        self._parts[key] = held.assembly.parts.get(key, 0)
        return held.assembly.values.pop(key, None)

    def holds(self, partition: int, fence: Fence) -> bool:
        """Whether a fence has not been given up."""
        return partition in self._held and self._held[partition].fence is fence

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint, fence: Fence) -> int:
        """Write it through the fence it was loaded with and return its size; Superseded if that is lost."""
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
        try:
            value = wire.encode(checkpoint, self._settings.write_format)
        except ValueError as error:
            raise _too_large(checkpoint.source, str(error)) from error
        if len(value) > self._bytes_max:
            is_so = f"it has {_mib(len(value))} compressed, and at most {_mib(self._bytes_max)} are written"
            raise _too_large(checkpoint.source, is_so)
        return value

    async def read(self, topic: str, partition: int, first: int, last: int) -> AsyncIterator[list[Record]]:
        """Read source records again, both ends included, a batch at a time."""
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
                log.warning("reading %s again, trying again: %s", topic, error)
            finally:
                with contextlib.suppress(ValueError):  # we were cancelled, and a thread is still at it
                    reader.close()
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(2 * delay_seconds, 5)

    def drop(self, partition: int) -> None:
        """Give a fence up; the next `load` takes it again."""
        held = self._held.pop(partition, None)
        if held is not None:
            self._writing.pop(held.fence, None)


def _batch(reader: Iterator[KafkaMessage], last: int) -> list[Record]:
    """Take records off a reader until there are many, in number or in bytes; none: it has come to its end."""
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


async def _patiently(work: Callable[..., T], *given: Any) -> T:
    """Do blocking work in a thread, again and again while the broker does not answer."""
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


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.0f} MiB"


def _record(message: KafkaMessage) -> Record:
    return Record(
        message.offset(), message.timestamp()[1], message.key(), message.value(), headers_of(message)
    )
