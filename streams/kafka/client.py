"""Common Kafka operations: create a producer, read a partition to its end, describe the cluster."""

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
from watchkeeper.streams.kafka.unreadable import is_unreadable, skip_batch
from watchkeeper.streams.settings import Settings

__all__ = [
    "MAX_MESSAGE_BYTES",
    "BrokerError",
    "admin_client",
    "describe",
    "headers_of",
    "known_end",
    "producer",
    "read_to_end",
    "reader_config",
]

MAX_MESSAGE_BYTES = 16 * 2**20
"""Maximum size of a record on Watchkeeper's topics, in bytes. Chosen by hand: checkpoints and references of
wide models have several megabytes."""


class BrokerError(UserError):
    """A request to the broker failed. The message is one sentence for the user."""


def producer(settings: Settings, **extra: Any) -> Producer:
    """Create an idempotent producer that partitions keys as Java clients and Faust do.

    Args:
        settings: They give the broker and the login.
        extra: Further librdkafka settings: `producer(settings, **{"transactional.id": "…"})`.
    """
    config = settings.client_config() | {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "message.max.bytes": MAX_MESSAGE_BYTES,
    }
    return Producer(config | extra)


def admin_client(settings: Settings) -> AdminClient:
    """Create a client for requests about topics and rights. It logs warnings and errors only.

    At level 6, librdkafka logs `Purging 1 unserved events from background queue` on a busy machine.
    """
    return AdminClient(settings.client_config() | {"log_level": 5})


def read_to_end(
    settings: Settings,
    topic: str,
    partition: int,
    start_offset: int | None = None,
    timeout_seconds: float = 30,
) -> Generator[Message, None, None]:
    """Yield the committed records of one partition up to its current end.

    Reading ends when a fetch reports the end of the partition at or after the end offset that the broker
    returned at the start. Neither is enough alone: for a short time, a new leader reports an end before its
    last committed records, and the embedded broker returns an end offset that is too low.

    Args:
        settings: They give the broker and the login.
        topic: The name of the topic on the broker.
        partition: The number of the partition.
        start_offset: The first offset to read; None: the beginning. If it is deleted, reading starts at the
            first offset that exists.
        timeout_seconds: Maximum seconds to wait for a record.

    Raises:
        BrokerError: No record arrives in time, or the topic or the broker can't be read.
    """
    consumer = Consumer(reader_config(settings))
    try:
        _find_leader(consumer, settings, topic, partition, timeout_seconds)
        start = OFFSET_BEGINNING if start_offset is None else start_offset
        consumer.assign([TopicPartition(topic, partition, start)])
        end = known_end(consumer, topic, partition, timeout_seconds)
        while (message := _next(consumer, timeout_seconds, end)) is not None:
            yield message
    finally:
        consumer.close()


def reader_config(settings: Settings, fetch_wait_ms: int = 10) -> dict[str, Any]:
    """Return the configuration of a consumer that joins no group.

    Args:
        settings: They give the broker and the login.
        fetch_wait_ms: Maximum milliseconds that the broker holds a fetch. The consumer learns of the end of
            a partition only after that.
    """
    return settings.client_config() | {
        "group.id": settings.application,  # librdkafka requires one; nothing is committed.
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",  # Like the worker's consumer (`streams/worker/transport.py`).
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": fetch_wait_ms,
    }


def headers_of(message: Message) -> list[tuple[str, bytes]]:
    """Return the headers of a record; an empty list if a header name is not UTF-8, as in a worker.

    Call it only once for each record. After such an error, confluent_kafka caches an incomplete list and
    returns it to the next caller.
    """
    try:
        return list(_headers(message) or ())
    except (SystemError, UnicodeDecodeError):
        return []


# For such a name, confluent_kafka returns a list and sets an error. A call from C code checks for the error.
# A call that Python has specialized does not: the first use of the list ends with a segmentation fault.
_headers = operator.methodcaller("headers")


def _find_leader(
    consumer: Consumer, settings: Settings, topic: str, partition: int, timeout_seconds: float
) -> None:
    """Fetch the leaders of a topic's partitions. Without this, `assign` finds them half a second later."""
    try:
        found = consumer.list_topics(topic, timeout_seconds).topics[topic]
    except KafkaException as error:
        raise _no_broker(settings, error.args[0].str()) from None
    if found.error is not None or partition not in found.partitions:
        raise BrokerError(f"there is no partition {partition} of topic {topic} at {settings.broker}")


def known_end(consumer: Consumer, topic: str, partition: int, timeout_seconds: float) -> int:
    """Return the offset after the last committed record of a partition.

    A new leader may not know it yet, so the request is retried.

    Raises:
        BrokerError: The partition has no leader that answers within `timeout_seconds`.
    """
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
    reason = "no answer"
    while (left := deadline - time.monotonic()) > 0:
        message = consumer.poll(left)
        error = message.error() if message is not None else None
        if message is not None and error is None:
            return message
        if message is not None and error is not None and error.code() == KafkaError._PARTITION_EOF:
            if (message.offset() or 0) >= end:
                return None
            continue
        if message is not None and is_unreadable(message) and skip_batch(consumer, message, end):
            deadline = time.monotonic() + timeout_seconds
            continue
        if error is not None and error.code() in _PERMANENT:
            raise BrokerError(error.str())
        reason = error.str() if error is not None else reason  # The client retries.
    raise BrokerError(f"reading from the broker stopped for {timeout_seconds:g} seconds ({reason})")


_PERMANENT = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._AUTHENTICATION,
}


def describe(settings: Settings, timeout_seconds: float = 10) -> ClusterMetadata:
    """Return the brokers and topics of the cluster.

    Raises:
        BrokerError: No broker answers within `timeout_seconds`, or the login fails.
    """
    errors: list[KafkaError] = []
    # The exception reports the error, so librdkafka does not log it.
    quiet = {"error_cb": errors.append, "log_level": 0}
    admin = AdminClient(settings.client_config() | quiet)
    try:
        return admin.list_topics(timeout=timeout_seconds)
    except KafkaException as error:
        admin.poll(0)
        raise _no_broker(settings, _cause(error, errors)) from None


def _cause(error: KafkaException, errors: list[KafkaError]) -> str:
    """Return the root cause: a refused login or connection, not the timeout that results from it."""
    causes = [each.str() for each in errors if each.code() != KafkaError._ALL_BROKERS_DOWN]
    return str(causes[0] if causes else error.args[0].str())


def _no_broker(settings: Settings, cause: str) -> BrokerError:
    return BrokerError(
        f"no Kafka broker answers at {settings.broker} ({cause}); "
        "give its address with --broker or WATCHKEEPER_BROKER"
    )
