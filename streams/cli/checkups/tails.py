"""Reads the newest records of a topic's partitions, and the first unread record of many inputs, at once."""

import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from watchkeeper.streams.kafka.client import BrokerError, reader_config
from watchkeeper.streams.settings import Settings

__all__ = ["Next", "Tail", "first_unread", "newest"]

Partition = tuple[str, int]
"""The name of a topic on the broker, and the number of a partition."""
_TAIL = -2000
"""In librdkafka, offset `_TAIL - n` means the n-th record from the end."""
_BATCH = 1000
"""Most records of one call. Chosen by hand: it bounds memory."""
_FETCH_WAIT_MS = 50
"""Milliseconds that the broker holds a fetch. Chosen by hand: an end is known only after that."""
_PEEK_BYTES = 1 << 16
"""Bytes to fetch of a partition of which one record is needed. Chosen by hand: most records are smaller."""
READ_SECONDS = 10
"""Seconds to read one topic. Chosen by hand: a slow network against a broker that does not answer."""


class Tail(NamedTuple):
    """The newest records of a topic."""

    messages: list[Message]
    why: str = ""
    """Why not all could be read; empty if all were."""


class Next(NamedTuple):
    """The first record at or after a position, or the end of the partition."""

    offset: int
    appended_ms: int | None
    """When the record was appended; None at the end of the partition."""
    end: int
    """The offset after the last record."""


def newest(settings: Settings, topic: str, partitions: Collection[int], count: int) -> Tail:
    """Return about the newest `count` records of each partition, as far as they can be read.

    Args:
        settings: They give the broker and the login.
        topic: The name of the topic on the broker.
        partitions: The numbers of the partitions.
        count: The number of records of each partition.
    """
    waiting = set(partitions)
    messages: list[Message] = []
    consumer = Consumer(reader_config(settings, _FETCH_WAIT_MS))
    try:
        consumer.assign([TopicPartition(topic, number, _TAIL - count) for number in waiting])
        deadline = time.monotonic() + READ_SECONDS
        while waiting:
            for message in consumer.consume(_BATCH, 0.2):
                if message.error() is None:
                    messages.append(message)
                elif _is_end(message.error(), topic):
                    waiting.discard(message.partition())
            if time.monotonic() > deadline:
                return Tail(messages, f"topic {topic} could not be read to its end in {READ_SECONDS} s")
    except (KafkaException, BrokerError) as error:
        return Tail(messages, f"topic {topic} can't be read: {_text(error)}")
    finally:
        consumer.close()
    return Tail(messages)


def first_unread(
    settings: Settings, positions: Mapping[Partition, int | None]
) -> tuple[dict[Partition, Next], str]:
    """Return what each partition has at or after a position, and why something could not be read.

    If the position no longer exists, it is the first record that does.

    Args:
        settings: They give the broker and the login.
        positions: The offset to look at in each partition; None: its beginning.
    """
    found: dict[Partition, Next] = {}
    small = {"max.partition.fetch.bytes": _PEEK_BYTES, "queued.min.messages": 1}
    consumer = Consumer(reader_config(settings, _FETCH_WAIT_MS) | small)
    try:
        consumer.assign(
            [
                TopicPartition(*place, OFFSET_BEGINNING if at is None else at)
                for place, at in positions.items()
            ]
        )
        deadline = time.monotonic() + READ_SECONDS
        while len(found) < len(positions):
            for message in consumer.consume(_BATCH, 0.2):
                place = message.topic(), message.partition()
                if place not in found and (seen := _next(consumer, message)) is not None:
                    found[place] = seen
                    consumer.pause([TopicPartition(*place)])
            if time.monotonic() > deadline:
                lacking = sorted({topic for topic, _ in positions.keys() - found.keys()})
                return found, f"no answer in {READ_SECONDS} s about the topics {', '.join(lacking)}"
    except (KafkaException, BrokerError) as error:
        return found, f"the lag could not be read: {_text(error)}"
    finally:
        consumer.close()
    return found, ""


def _next(consumer: Consumer, message: Message) -> Next | None:
    if message.error() is not None:
        if not _is_end(message.error(), message.topic()):
            return None
        return Next(message.offset(), None, message.offset())
    place = TopicPartition(message.topic(), message.partition())
    _, end = consumer.get_watermark_offsets(place, cached=True)
    return Next(message.offset(), message.timestamp()[1], max(end, message.offset() + 1))


def _is_end(error: KafkaError, topic: str) -> bool:
    """Return whether an event is the end of a partition. Raises BrokerError for one that stays."""
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise BrokerError(f"the user lacks the right Read on topic {topic}")
    return bool(error.code() == KafkaError._PARTITION_EOF)


def _text(error: Exception) -> str:
    inner = error.args[0]
    return inner.str() if isinstance(inner, KafkaError) else str(inner)
