"""Reads whole topics from the first record on, and detects when all existing records have been read."""

import logging
from collections.abc import Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from watchkeeper.streams.kafka.client import known_end, reader_config
from watchkeeper.streams.settings import Settings

__all__ = ["Behind", "follow"]

log = logging.getLogger(__name__)

Place = tuple[str, int]
"""A partition: the name of the topic on the broker, and the number."""
_FETCH_WAIT_MS = 100
"""Maximum milliseconds that the broker holds a fetch. Chosen by hand: delay against load when idle."""


def follow(settings: Settings, **extra: Any) -> Consumer:
    """Create a consumer that joins no group, commits nothing, and reports the ends of partitions.

    Args:
        settings: They give the broker and the login.
        extra: Further librdkafka settings.
    """
    return Consumer(reader_config(settings, _FETCH_WAIT_MS) | extra)


class Behind:
    """The partitions of which a consumer has not read all records that existed when this object was created.

    It is false once there are none.

    Args:
        consumer: It is assigned the partitions, from their first record on.
        places: The partitions.
        timeout_seconds: Maximum seconds to wait for the leader of each partition; then BrokerError.
    """

    def __init__(self, consumer: Consumer, places: Iterable[Place], timeout_seconds: float) -> None:
        self._ends = dict.fromkeys(places, 0)
        consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in sorted(self._ends)])
        for place in self._ends:
            self._ends[place] = known_end(consumer, *place, timeout_seconds)

    def __bool__(self) -> bool:
        """Whether any partition is not completely read."""
        return bool(self._ends)

    def note(self, message: Message) -> None:
        """Process an event that is not a record: the end of a partition, or an error.

        An end before the expected one is ignored: a new leader may report it for a short time.
        """
        if message.error().code() != KafkaError._PARTITION_EOF:
            log.warning("reading %s: %s", message.topic(), message.error().str())
        elif message.offset() >= self._ends.get((message.topic(), message.partition()), 0):
            self._ends.pop((message.topic(), message.partition()), None)
