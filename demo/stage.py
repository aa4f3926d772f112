"""What the demo runs on: a broker, topics of its own, workers; all of it is gone at the end."""

import contextlib
import uuid
from collections.abc import Iterable, Iterator

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.streams.cli.current import ConfigRecord, send_configuration
from watchkeeper.streams.config.state import reference_key
from watchkeeper.streams.kafka.embedded import EmbeddedBroker
from watchkeeper.streams.settings import Settings, read_settings
from watchkeeper.streams.topics.topics import TOPICS, create_topics, topic_name

__all__ = ["apply", "demo_settings", "own_topics", "some_broker"]

CHECKPOINT_SECONDS = 0.2
"""The year passes in two minutes: what is worth a checkpoint comes as much faster."""
IDLE_SECONDS = 30.0
"""Longer than any pause of the publishing, above all for training: a pause is no end of the stream."""
DELETE_SECONDS = 30


@contextlib.contextmanager
def some_broker(given: str | None) -> Iterator[str]:
    """Give the address of the broker that the user named, or start one in memory."""
    if given is not None:
        yield given
        return
    with EmbeddedBroker() as broker:
        yield broker.address


def demo_settings(broker: str) -> Settings:
    """Return settings under a name of their own, so that several demos can share a broker."""
    name = f"demo-{uuid.uuid4().hex[:8]}"
    return read_settings(
        broker=broker,
        application=name,
        topic_prefix=f"{name}.",
        checkpoint_seconds=CHECKPOINT_SECONDS,
        idle_seconds=IDLE_SECONDS,
    )


@contextlib.contextmanager
def own_topics(settings: Settings, keep: bool) -> Iterator[None]:
    """Create the topics, and delete them at the end; a broker in memory forgets them by itself."""
    create_topics(settings)
    try:
        yield
    finally:
        if not keep:
            _delete_topics(settings)


def _delete_topics(settings: Settings) -> None:
    admin = AdminClient(settings.client_config())
    for deleted in admin.delete_topics([topic_name(settings, name) for name in TOPICS]).values():
        with contextlib.suppress(KafkaException):  # the broker may be gone, and the topics with it
            deleted.result(DELETE_SECONDS)


def apply(settings: Settings, monitors: Iterable[Monitor], references: Iterable[Reference]) -> None:
    """Put references, then monitors, in force; workers take them up within a second."""
    records = [
        ConfigRecord("references", reference_key(each.subject, each.version), each.encode())
        for each in references
    ]
    records += [ConfigRecord("monitors", each.subject, each.model_dump_json().encode()) for each in monitors]
    send_configuration(settings, records)
