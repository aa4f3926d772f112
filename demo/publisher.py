"""Publishes the demo's events and counts those that the broker acknowledged."""

from collections import Counter
from collections.abc import Iterable

from watchkeeper.demo.events import DemoEvent
from watchkeeper.streams.kafka.client import BrokerError, producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import known_topic, topic_name

__all__ = ["DemoPublisher"]

FLUSH_SECONDS = 30
"""Seconds that the broker has to acknowledge a batch. Chosen by hand: shorter fails on a busy machine."""


class DemoPublisher:
    """An idempotent producer. `published` counts events by topic and is exact after each `publish`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = producer(settings, **{"delivery.report.only.error": True})
        self._failures: list[str] = []
        self.published: Counter[str] = Counter()

    def publish(self, events: Iterable[DemoEvent]) -> None:
        """Publish events and wait until the broker acknowledges them. Raises BrokerError if it does not."""
        for topic, key, value in events:
            self._produce(topic, key, value)
            self.published[topic] += 1
        left = self._producer.flush(FLUSH_SECONDS)
        if left or self._failures:
            why = self._failures[0] if self._failures else f"{left} events are not acknowledged"
            raise BrokerError(f"the broker did not accept the demo's events: {why}")

    def _produce(self, topic: str, key: bytes, value: bytes) -> None:
        name = topic_name(self._settings, known_topic(topic))
        while True:
            try:
                self._producer.produce(name, value, key, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            self._failures.append(str(error))
