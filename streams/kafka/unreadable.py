"""Skips a batch that librdkafka can't decompress. It would fetch the same batch again for ever."""

import logging
import time

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

__all__ = ["is_unreadable", "skip_batch"]

log = logging.getLogger("watchkeeper.kafka")

_UNREADABLE = {KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG}
_PROBE_SECONDS = 5.0
"""Seconds for one fetch of a possible end of the batch. Chosen by hand: the reader retries after that."""


def is_unreadable(message: Message) -> bool:
    """Return whether a message reports a batch that can't be decompressed or parsed."""
    error = message.error()
    return error is not None and error.code() in _UNREADABLE and (message.offset() or -1) >= 0


def skip_batch(consumer: Consumer, message: Message, end: int) -> bool:
    """Continue behind the batch that a message reports; return whether its end was found.

    librdkafka does not say where the batch ends. Its end is the first offset whose fetch does not fail in the
    same way: it is found by doubling the distance, and then by halving it.

    Args:
        consumer: The consumer of the partition.
        message: A message for which `is_unreadable` is true.
        end: The end of the partition.
    """
    first = int(message.offset() or 0)
    place = TopicPartition(message.topic() or "", message.partition() or 0)
    inside, outside = first, first + 1
    while outside < end and (same := _is_inside(consumer, place, outside, first)):
        inside, outside = outside, min(end, outside + 2 * (outside - first))
    if outside < end and same is None:
        return False
    while outside - inside > 1:
        middle = (inside + outside) // 2
        same = _is_inside(consumer, place, middle, first)
        if same is None:
            return False
        inside, outside = (middle, outside) if same else (inside, middle)
    log.error(
        "%s/%s: the batch from offset %s to %s can't be read", place.topic, place.partition, first, inside
    )
    consumer.seek(TopicPartition(place.topic, place.partition, outside))
    return True


def _is_inside(consumer: Consumer, place: TopicPartition, offset: int, first: int) -> bool | None:
    """Return whether an offset is in the unreadable batch that begins at `first`; None without an answer."""
    consumer.seek(TopicPartition(place.topic, place.partition, offset))
    deadline = time.monotonic() + _PROBE_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        message = consumer.poll(left)
        if message is None:
            continue
        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return False
        if is_unreadable(message):
            return bool(message.offset() == first)
    return None
