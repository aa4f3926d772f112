"""Publishes the probe's events: a few in each partition, all the time."""

import itertools
import uuid

from confluent_kafka import KafkaError, Message

from watchkeeper.streams.canary.metrics import CanaryMetrics
from watchkeeper.streams.canary.subject import event
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["ProbePublisher", "beat_seconds"]

_DELIVERY_SECONDS = 10
"""Seconds after which an event that the broker has not accepted counts as failed. Chosen by hand: an older
event would arrive after its window."""
_BEAT_SECONDS_MAX = 2.0
"""The longest time between two events of a partition, in seconds. Chosen by hand: it is short enough that no
partition counts as idle."""
_BEATS = 30
"""Minimum number of events of a partition in one pane. Chosen by hand."""
_ROWS = 40
"""Minimum number of events in one pane: the 30 rows that a judgement needs, and a margin chosen by hand."""


def beat_seconds(pane_ms: int, partitions: int) -> float:
    """Return the time between two beats. At each beat every partition gets one event.

    It is short enough that each window has the 30 rows that a judgement needs, and no partition seems idle.

    Args:
        pane_ms: The length of a pane.
        partitions: The number of partitions.

    >>> beat_seconds(60_000, partitions=12), beat_seconds(60_000, partitions=1), beat_seconds(1_500, 4)
    (2.0, 1.5, 0.05)
    """
    beats = max(_BEATS, -(-_ROWS // partitions))
    return min(_BEAT_SECONDS_MAX, pane_ms / 1000 / beats)


class ProbePublisher:
    """Publishes one probe's events and counts the outcomes. A failed event is not sent again."""

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
        """Publish one event to each partition, without waiting for the broker.

        Args:
            at_ms: The event time.
            drifted: Whether the feature is drifted.
        """
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
        """Wait up to a second for the events that are not delivered yet."""
        self._producer.flush(1)

    def _on_delivery(self, error: KafkaError | None, _: Message) -> None:
        self._metrics.observe_event("failed" if error else "delivered")
