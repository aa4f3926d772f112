"""What every part does with Kafka: make a producer, read a partition to its end, ask who is there."""

from collections.abc import Iterator
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

from streams.settings import Settings

__all__ = ["MAX_MESSAGE_BYTES", "BrokerError", "describe", "producer", "read_to_end"]

MAX_MESSAGE_BYTES = 16 * 2**20
"""Largest record that our topics take: a checkpoint or a reference of a wide model has several megabytes."""


class BrokerError(Exception):
    """The broker did not do what was asked; the message is one sentence for the user."""


def producer(settings: Settings, **extra: Any) -> Producer:
    """Make an idempotent producer that places keys as Java's clients and Faust do.

    `extra` are librdkafka's settings with `_` for `.`: `producer(settings, transactional_id="…")`.
    """
    config = settings.client_config() | {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "message.max.bytes": MAX_MESSAGE_BYTES,
    }
    return Producer(config | {name.replace("_", "."): value for name, value in extra.items()})


def read_to_end(
    settings: Settings,
    topic: str,
    partition: int,
    start_offset: int | None = None,
    timeout_seconds: float = 30,
) -> Iterator[Message]:
    """Yield the records of one partition up to its present end; `topic` is the name on the broker.

    The end is what the fetch says it is (`enable.partition.eof`): not every broker answers the question for
    the last offset rightly. BrokerError after `timeout_seconds` without a record.
    """
    consumer = Consumer(
        settings.client_config()
        | {"group.id": settings.application, "enable.auto.commit": False, "enable.partition.eof": True}
    )
    try:
        start = OFFSET_BEGINNING if start_offset is None else start_offset
        consumer.assign([TopicPartition(topic, partition, start)])
        while (message := consumer.poll(timeout_seconds)) is not None:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            else:
                raise BrokerError(f"reading topic {topic} failed: {error.str()}")
    finally:
        consumer.close()
    raise BrokerError(f"{settings.broker} sent nothing of topic {topic} for {timeout_seconds:g} seconds")


def describe(settings: Settings, timeout_seconds: float = 10) -> ClusterMetadata:
    """Return the brokers and topics that there are; BrokerError where none answers."""
    try:
        return AdminClient(settings.client_config()).list_topics(timeout=timeout_seconds)
    except KafkaException as error:
        raise BrokerError(
            f"no Kafka broker answers at {settings.broker} ({error.args[0].str()}); "
            "give its address with --broker or WATCHKEEPER_BROKER"
        ) from None
