"""Following whole topics: from their first record, and knowing when all of the past has been read."""

import logging
from collections.abc import Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from watchkeeper.streams.kafka.client import known_end, reader_config
from watchkeeper.streams.settings import Settings

__all__ = ["Behind", "follow"]

log = logging.getLogger(__name__)

Place = tuple[str, int]
"""A topic's name on the broker, and the number of a partition."""
_FETCH_WAIT_MS = 100


def follow(settings: Settings, **extra: Any) -> Consumer:
    """Make a consumer that joins no group, commits nothing, and says where partitions end."""
    return Consumer(reader_config(settings, _FETCH_WAIT_MS) | extra)


class Behind:
    """The partitions of which a consumer has not read all that was there when it began."""

    def __init__(self, consumer: Consumer, places: Iterable[Place], timeout_seconds: float) -> None:
        """Let a consumer read partitions from the start; BrokerError where one has no leader for too long."""
        self._ends = dict.fromkeys(places, 0)
        consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in sorted(self._ends)])
        for place in self._ends:
            self._ends[place] = known_end(consumer, *place, timeout_seconds)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._ends)

    def note(self, message: Message) -> None:
        """Take in what came instead of a record: a partition's end, or an error.

        A new leader may for a moment say that a partition ends before its last records.
        """
        if message.error().code() != KafkaError._PARTITION_EOF:
            log.warning("reading %s: %s", message.topic(), message.error().str())
        elif message.offset() >= self._ends.get((message.topic(), message.partition()), 0):
            self._ends.pop((message.topic(), message.partition()), None)
