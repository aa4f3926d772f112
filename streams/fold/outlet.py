"""Delivers outputs to Kafka and to sinks, in order, and waits until all of them have arrived."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

import confluent_kafka

from watchkeeper.streams.errors import UndeclaredOutput, Unrecoverable
from watchkeeper.streams.fold import formats
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import INTERNAL_TOPICS, SinkName
from watchkeeper.streams.topics.partitioning import hashed
from watchkeeper.streams.topics.topics import is_topic, topic_name


def always() -> bool:
    """Return True: the caller still owns the partition."""
    return True


class Sink(Protocol):
    """A destination outside of Kafka."""

    async def deliver(self, messages: list[Message], is_current: Callable[[], bool] = always) -> None:
        """Deliver messages, retry while that can help, and return when the receiver has accepted them.

        Args:
            messages: The messages, in order.
            is_current: Whether the caller still owns the partition. It is called before each try.

        Raises:
            NotOwner: `is_current` returned False: another worker may deliver the messages.
        """

    async def close(self) -> None:
        """Close the connections."""


class Undeliverable(Unrecoverable):
    """The broker rejects an output permanently. If the worker continued, the output would be lost.

    Args:
        topic: The name of the topic on the broker.
        why: The broker's error.
    """

    def __init__(self, topic: str, why: str) -> None:
        super().__init__(
            f"the broker refuses an output for {topic} ({why}): check that the topic exists, that the"
            " worker's user may write to it, and that it accepts records of 16 MiB"
        )


class KafkaOutlet:
    """Delivers the outputs of a worker through one idempotent producer. It waits for the broker forever.

    Outputs stay in order within a partition. An output that fails blocks those behind it
    (`enable.gapless.guarantee`), so that no output arrives after one with a higher sequence number.

    Args:
        settings: They give the broker, the prefix of topics, and the format to write.
        sinks: The destinations outside of Kafka, by name.
    """

    def __init__(self, settings: Settings, sinks: Mapping[SinkName, Sink] | None = None) -> None:
        self._settings = settings
        self._sinks: dict[str, Sink] = {str(name): sink for name, sink in (sinks or {}).items()}
        self._producer = producer(
            settings,
            **{"enable.gapless.guarantee": True, "message.timeout.ms": 0, "linger.ms": 1, "log_level": 2},
        )
        self._running = True
        self._poller = threading.Thread(target=self._poll, name="outlet", daemon=True)
        self._poller.start()

    async def deliver(
        self,
        source: str,
        first_sequence: int,
        messages: Sequence[Message],
        is_current: Callable[[], bool] = always,
    ) -> None:
        """Deliver the outputs of a source, and return when all are acknowledged.

        Readers of topics drop repeated records by their sequence numbers. Sinks get no sequence numbers, so
        they call `is_current` instead. See `Outlet.deliver`.
        """
        numbered = [(first_sequence + i, message) for i, message in enumerate(messages)]
        for is_sink, group in groupby(numbered, key=lambda pair: pair[1].topic in self._sinks):
            part = list(group)
            if is_sink:
                await self._to_sinks([message for _, message in part], is_current)
            else:
                await self._produce([(m, self._headers(source, sequence)) for sequence, m in part])

    async def announce(self, messages: Sequence[Message]) -> None:
        """Deliver outputs that may be repeated. They have no sequence number."""
        await self._produce([(message, self._headers(None, 0)) for message in messages])

    async def _to_sinks(self, messages: list[Message], is_current: Callable[[], bool]) -> None:
        for topic, group in groupby(messages, key=lambda message: message.topic):
            await self._sinks[topic].deliver(list(group), is_current)

    async def _produce(self, messages: Sequence[tuple[Message, list[Any]]]) -> None:
        if not messages:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        batch = _Batch(len(messages), lambda error: loop.call_soon_threadsafe(_complete, done, error))
        for message, headers in messages:
            await self._enqueue(message, headers, batch.delivered)
        await done

    async def _enqueue(self, message: Message, headers: list[Any], delivered: Any) -> None:
        if not is_topic(message.topic):  # Kafka must not create a topic of this name.
            raise UndeclaredOutput("an outbox", message.topic)
        name = topic_name(self._settings, message.topic)
        partition = message.partition
        if partition is None and message.topic in INTERNAL_TOPICS:
            partition = hashed(message.key, self._settings.partitions_of_subjects)
        target = {} if partition is None else {"partition": partition}
        while True:
            try:
                self._producer.produce(
                    name, message.value, message.key, on_delivery=delivered, headers=headers, **target
                )
            except BufferError:
                await asyncio.sleep(0.01)
            except confluent_kafka.KafkaException as error:
                raise Undeliverable(name, error.args[0].str()) from error
            else:
                return

    def _headers(self, source: str | None, sequence: int) -> list[tuple[str, bytes]]:
        return formats.headers(source, sequence, self._settings.write_format)

    def _poll(self) -> None:
        while self._running:
            self._producer.poll(0.1)

    def close(self) -> None:
        """Stop. The next keeper delivers unacknowledged outputs again, from the checkpoint."""
        self._running = False
        self._poller.join(1)
        self._producer.purge()


def _complete(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


class _Batch:
    """Counts delivery reports. It calls `finished` after the last report, or at an error."""

    def __init__(self, expected: int, finished: Callable[[Exception | None], object]) -> None:
        self._left = expected
        self._finished = finished

    def delivered(self, error: Any, message: Any) -> None:
        self._left -= 1
        if error is not None:
            self._finished(Undeliverable(message.topic(), error.str()))
        elif self._left == 0:
            self._finished(None)
