"""What every part does with Kafka: make a producer, read a partition to its end, ask who is there."""

import operator
import time
from collections.abc import Generator
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ClusterMetadata

from watchkeeper.streams.errors import UserError
from watchkeeper.streams.settings import Settings

__all__ = [
    "MAX_MESSAGE_BYTES",
    "BrokerError",
    "describe",
    "headers_of",
    "known_end",
    "producer",
    "read_to_end",
    "reader_config",
]

MAX_MESSAGE_BYTES = 16 * 2**20
"""Largest record that our topics take: a checkpoint or a reference of a wide model has several megabytes."""


class BrokerError(UserError):
    """The broker did not do what was asked; the message is one sentence for the user."""


def producer(settings: Settings, **extra: Any) -> Producer:
    """Make an idempotent producer that places keys as Java's clients and Faust do.

    `extra` are librdkafka's settings: `producer(settings, **{"transactional.id": "…"})`.
    """
    config = settings.client_config() | {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "message.max.bytes": MAX_MESSAGE_BYTES,
    }
    return Producer(config | extra)


def read_to_end(
    settings: Settings,
    topic: str,
    partition: int,
    start_offset: int | None = None,
    timeout_seconds: float = 30,
) -> Generator[Message, None, None]:
    """Yield the committed records of one partition up to its present end; `topic` is the name on the broker.

    The end is what the fetch says it is (`enable.partition.eof`), but not before what the broker says when it
    is asked: a new leader may for a moment not know of its last records that they count, and the embedded
    broker names an end too low. An offset that is no longer there means the first that is. BrokerError after
    `timeout_seconds` without a record.
    """
    consumer = Consumer(reader_config(settings))
    try:
        _know_leader(consumer, settings, topic, partition, timeout_seconds)
        start = OFFSET_BEGINNING if start_offset is None else start_offset
        consumer.assign([TopicPartition(topic, partition, start)])
        end = known_end(consumer, topic, partition, timeout_seconds)
        while (message := _next(consumer, timeout_seconds, end)) is not None:
            yield message
    finally:
        consumer.close()


def reader_config(settings: Settings, fetch_wait_ms: int = 10) -> dict[str, Any]:
    """Give the settings of a consumer that joins no group; it hears of an end after the wait."""
    return settings.client_config() | {
        "group.id": settings.application,  # librdkafka wants one; nothing is committed
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",  # as the worker's consumer (`streams/worker/transport.py`)
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": fetch_wait_ms,
    }


def headers_of(message: Message) -> list[tuple[str, bytes]]:
    """Return a record's headers; none of them where one has a name that is not UTF-8, as in a worker.

    Ask once of each record: confluent_kafka then keeps a list with a hole in it, and next time gives that.
    """
    try:
        return list(_headers(message) or ())
    except (SystemError, UnicodeDecodeError):
        return []


# Of such a name confluent_kafka returns a list and an error at once. Calls from C look for that; a call that
# Python has specialized does not, and who touches the list then ends with a segmentation fault.
_headers = operator.methodcaller("headers")


def _know_leader(
    consumer: Consumer, settings: Settings, topic: str, partition: int, timeout_seconds: float
) -> None:
    """Ask who leads the topic's partitions; without it `assign` looks half a second later."""
    try:
        found = consumer.list_topics(topic, timeout_seconds).topics[topic]
    except KafkaException as error:
        raise _no_broker(settings, error.args[0].str()) from None
    if found.error is not None or partition not in found.partitions:
        raise BrokerError(f"there is no partition {partition} of topic {topic} at {settings.broker}")


def known_end(consumer: Consumer, topic: str, partition: int, timeout_seconds: float) -> int:
    """Return the offset after the last record that counts; a leader that does not know it is asked again."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 5, cached=False)
            return int(end)
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise BrokerError(f"{topic} [{partition}] has no leader ({error.args[0].str()})") from None
            time.sleep(0.1)


def _next(consumer: Consumer, timeout_seconds: float, end: int) -> Message | None:
    """Return the next record, or None at the end of the partition."""
    deadline = time.monotonic() + timeout_seconds
    trouble = "no answer"
    while (left := deadline - time.monotonic()) > 0:
        message = consumer.poll(left)
        error = message.error() if message is not None else None
        if message is not None and error is None:
            return message
        if message is not None and error is not None and error.code() == KafkaError._PARTITION_EOF:
            if (message.offset() or 0) >= end:
                return None
            continue
        if error is not None and error.code() in _FINAL:
            raise BrokerError(error.str())
        trouble = error.str() if error is not None else trouble  # the client goes on trying
    raise BrokerError(f"reading from the broker stopped for {timeout_seconds:g} seconds ({trouble})")


_FINAL = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._AUTHENTICATION,
}


def describe(settings: Settings, timeout_seconds: float = 10) -> ClusterMetadata:
    """Return the brokers and topics that there are; BrokerError where none answers or lets us in."""
    heard: list[KafkaError] = []
    quiet = {"error_cb": heard.append, "log_level": 0}  # what goes wrong is told once, in our words
    admin = AdminClient(settings.client_config() | quiet)
    try:
        return admin.list_topics(timeout=timeout_seconds)
    except KafkaException as error:
        admin.poll(0)
        raise _no_broker(settings, _cause(error, heard)) from None


def _cause(error: KafkaException, heard: list[KafkaError]) -> str:
    """Choose what says most: a refused login or connection rather than the time-out that follows from it."""
    causes = [said.str() for said in heard if said.code() != KafkaError._ALL_BROKERS_DOWN]
    return str(causes[0] if causes else error.args[0].str())


def _no_broker(settings: Settings, cause: str) -> BrokerError:
    return BrokerError(
        f"no Kafka broker answers at {settings.broker} ({cause}); "
        "give its address with --broker or WATCHKEEPER_BROKER"
    )
