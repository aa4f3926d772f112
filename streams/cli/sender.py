"""Sends records at a pace and waits until the broker has taken them."""

import time

from confluent_kafka import KafkaError, Message

from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.publishing import Outgoing, PublishingPace
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import TopicName
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["Sender"]

_DELIVERY_SECONDS = 60
"""Time in seconds that the broker has to take a record. Chosen by hand: shorter fails on a slow network."""


class Sender:
    """Sends records to one topic. Raises UserError if the broker does not take a record.

    Args:
        settings: How to reach the broker.
        topic: The topic to send to.
        pace: When each record is due; None sends as fast as possible.
    """

    def __init__(self, settings: Settings, topic: TopicName, pace: PublishingPace | None) -> None:
        self._broker = settings.broker
        self._topic = topic_name(settings, topic)
        self._producer = producer(
            settings, **{"linger.ms": 20, "delivery.timeout.ms": _DELIVERY_SECONDS * 1000}
        )
        self._pace = pace
        self._failure = ""
        self.delivered = 0

    def send(self, record: Outgoing) -> None:
        """Send one record when it is due."""
        if self._pace is not None and (wait := self._pace.wait_seconds(record.time_ms, time.monotonic())):
            self._producer.poll(0)
            time.sleep(wait)
        while not self._queued(record):
            self._producer.poll(0.1)
        self._producer.poll(0)
        if self._failure:
            self._give_up()

    def finish(self) -> None:
        """Wait until all records are delivered."""
        if self._producer.flush(_DELIVERY_SECONDS + 1) or self._failure:
            self._give_up()

    def _queued(self, record: Outgoing) -> bool:
        try:
            self._producer.produce(
                self._topic,
                record.value,
                record.key,
                headers=record.headers,
                on_delivery=self._on_delivery,
            )
        except BufferError:
            return False
        return True

    def _on_delivery(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._failure = self._failure or error.str()

    def _give_up(self) -> None:
        raise UserError(
            f"{self._broker}: delivery to {self._topic} stopped after {self.delivered} events: "
            f"{self._failure or 'no response'}; fix the cause and publish the rest"
        )
