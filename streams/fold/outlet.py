"""Delivers outputs to Kafka and to sinks, in order, and returns when all of them have arrived."""

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
from watchkeeper.streams.topics.flow import SinkName
from watchkeeper.streams.topics.topics import is_topic, topic_name


def always() -> bool:
    """Return True: the caller may deliver."""
    return True


class Sink(Protocol):
    """A receiver outside of Kafka."""

    async def deliver(self, messages: list[Message], is_current: Callable[[], bool] = always) -> None:
        """Return when the receiver has taken the messages; try again for as long as that can help.

        NotOurs before a try when `is_current` returns False: another worker may deliver them.
        """

    async def close(self) -> None:
        """Close connections."""


class Undeliverable(Unrecoverable):
    """The broker refuses an output for good: to go on would lose it."""

    def __init__(self, topic: str, why: str) -> None:
        super().__init__(
            f"the broker refuses an output for {topic} ({why}): see that the topic is there, that the"
            " worker's user may write to it, and that it takes records of 16 MiB"
        )


class KafkaOutlet:
    """One idempotent producer of a worker; waits for the broker as long as it takes.

    Order holds per partition: an output that fails stops those behind it (`enable.gapless.guarantee`), so
    that sequence numbers never skip one that arrives later.
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
        """Deliver numbered outputs of a source, and return when every one has been acknowledged.

        Readers drop repeated records by their numbers. Sinks have no numbers, and ask `is_current`.
        """
        numbered = [(first_sequence + i, message) for i, message in enumerate(messages)]
        for is_sink, group in groupby(numbered, key=lambda pair: pair[1].topic in self._sinks):
            part = list(group)
            if is_sink:
                await self._to_sinks([message for _, message in part], is_current)
            else:
                await self._produce([(m, self._headers(source, sequence)) for sequence, m in part])

    async def announce(self, messages: Sequence[Message]) -> None:
        """Deliver outputs that may repeat without harm, and so carry no number."""
        await self._produce([(message, self._headers(None, 0)) for message in messages])

    async def _to_sinks(self, messages: list[Message], is_current: Callable[[], bool]) -> None:
        for topic, group in groupby(messages, key=lambda message: message.topic):
            await self._sinks[topic].deliver(list(group), is_current)

    async def _produce(self, messages: Sequence[tuple[Message, list[Any]]]) -> None:
        if not messages:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        batch = _Batch(len(messages), lambda error: loop.call_soon_threadsafe(_settle, done, error))
        for message, headers in messages:
            await self._enqueue(message, headers, batch.delivered)
        await done

    async def _enqueue(self, message: Message, headers: list[Any], delivered: Any) -> None:
        if not is_topic(message.topic):  # nor a registered sink: Kafka must not create a topic of that name
            raise UndeclaredOutput("an outbox", message.topic)
        name = topic_name(self._settings, message.topic)
        target = {} if message.partition is None else {"partition": message.partition}
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
        """Stop. The next keeper delivers again, from the checkpoint, what was not acknowledged."""
        self._running = False
        self._poller.join(1)
        self._producer.purge()


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


class _Batch:
    """Counts delivery reports, and calls `finished` once: after the last report, or at the first error."""

    def __init__(self, expected: int, finished: Callable[[Exception | None], object]) -> None:
        self._left = expected
        self._finished = finished

    def delivered(self, error: Any, message: Any) -> None:
        self._left -= 1
        if error is not None:
            self._finished(Undeliverable(message.topic(), error.str()))
        elif self._left == 0:
            self._finished(None)
