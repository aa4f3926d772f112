"""Reads and changes the monitors and references on their topics."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from confluent_kafka import KafkaError, Message

from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.config.progress import Place
from watchkeeper.streams.config.state import Configuration
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["ConfigRecord", "read_configuration", "send_configuration"]

_DELIVERY_SECONDS = 30
"""Time in seconds that the broker has to take a record. Chosen by hand: shorter fails on a slow network."""


class ConfigRecord(NamedTuple):
    """One record for `monitors` or `references`. A value of None removes the key."""

    topic: Literal["monitors", "references"]
    key: str
    value: bytes | None


def read_configuration(settings: Settings) -> Configuration:
    """Read both topics to their end."""
    configuration = Configuration()
    there = reach(settings).topics
    for name in ("monitors", "references"):
        topic = topic_name(settings, name)
        for number in sorted(there[topic].partitions):
            for message in read_to_end(settings, topic, number):
                configuration.learn(name, message.key(), message.value())
    return configuration


def send_configuration(settings: Settings, records: Sequence[ConfigRecord]) -> dict[Place, int]:
    """Send records in order and wait until the broker has taken all of them.

    Returns:
        The offset after the last of them, of each partition.
    """
    failures: list[str] = []
    published: dict[Place, int] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(f"{message.key().decode()} did not reach {message.topic()}: {error.str()}")
            return
        topic = message.topic().removeprefix(settings.topic_prefix)
        published[topic, message.partition()] = message.offset() + 1

    sender = producer(settings, **{"delivery.timeout.ms": _DELIVERY_SECONDS * 1000})
    for topic, key, value in records:
        sender.produce(topic_name(settings, topic), value, key.encode(), on_delivery=delivered)
        # Wait for each record: no worker may see a monitor before its reference.
        sender.flush(_DELIVERY_SECONDS + 1)
        if failures:
            raise UserError(
                f"{settings.broker}: {failures[0]}; run the command again when the broker is healthy"
            )
    return published
