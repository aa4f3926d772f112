"""Publishes the canary's events: a few in each partition, all the time."""

import itertools
import uuid

from confluent_kafka import KafkaError, Message

from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.canary.subject import event
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["Trickle", "beat_seconds"]

_DELIVERY_SECONDS = 10
_BEAT_SECONDS_MAX = 2.0
_BEATS = 30
_ROWS = 40


def beat_seconds(pane_ms: int, partitions: int) -> float:
    """Return the time between two beats, in each of which every partition is given one event.

    So that a window has the 30 rows that it needs to be judged, and no partition seems idle.

    >>> beat_seconds(60_000, partitions=12), beat_seconds(60_000, partitions=1), beat_seconds(1_500, 4)
    (2.0, 1.5, 0.05)
    """
    beats = max(_BEATS, -(-_ROWS // partitions))
    return min(_BEAT_SECONDS_MAX, pane_ms / 1000 / beats)


class Trickle:
    """One canary's events. Whether they arrive is counted; an event that doesn't is not sent again."""

    def __init__(self, settings: Settings, model: str, metrics: CanaryMetrics) -> None:
        self._model = model
        self._metrics = metrics
        self._topic = topic_name(settings, "predictions")
        self._partitions = settings.partitions
        self._numbers = itertools.count()
        self._run = uuid.uuid4().hex[:12]
        self._producer = producer(
            settings, **{"linger.ms": 0, "delivery.timeout.ms": _DELIVERY_SECONDS * 1000, "log_level": 3}
        )

    def send(self, at_ms: int, drifted: bool) -> None:
        """Publish one event to each partition; does not wait for the broker."""
        for partition in range(self._partitions):
            number = next(self._numbers)
            name = f"{self._model}/{self._run}/{number}"
            value = event(self._model, name, number, at_ms, drifted)
            try:
                self._producer.produce(
                    self._topic, value, name, partition=partition, on_delivery=self._on_delivery
                )
            except BufferError:
                self._metrics.observe_event("failed")
        self._producer.poll(0)

    def close(self) -> None:
        """Wait a moment for what is on its way."""
        self._producer.flush(1)

    def _on_delivery(self, error: KafkaError | None, _: Message) -> None:
        self._metrics.observe_event("failed" if error else "delivered")
