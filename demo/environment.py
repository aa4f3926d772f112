"""The demo's environment: a broker and topics of its own, which are removed at the end."""

import contextlib
import uuid
from collections.abc import Iterable, Iterator

from confluent_kafka import KafkaException

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.streams.cli.current import ConfigRecord, send_configuration
from watchkeeper.streams.config.state import reference_key
from watchkeeper.streams.kafka.client import admin_client
from watchkeeper.streams.kafka.embedded import EmbeddedBroker
from watchkeeper.streams.settings import Settings, read_settings
from watchkeeper.streams.topics.topics import TOPICS, create_topics, topic_name

__all__ = ["apply", "demo_settings", "own_topics", "some_broker"]

CHECKPOINT_SECONDS = 0.2
"""Seconds between checkpoints.

Chosen by hand: a year passes in two minutes, so progress worth a checkpoint comes faster than in production.
"""
IDLE_SECONDS = 30.0
"""Seconds without events after which workers close the last windows.

Chosen by hand: it must exceed every pause in publishing. The longest pause is the training of a version.
"""
DELETE_SECONDS = 30
"""Time in seconds that the broker has to delete a topic. Chosen by hand: shorter fails on a busy machine."""


@contextlib.contextmanager
def some_broker(given: str | None) -> Iterator[str]:
    """Yield the given address, or start a broker in memory and yield its address."""
    if given is not None:
        yield given
        return
    with EmbeddedBroker() as broker:
        yield broker.address


def demo_settings(broker: str) -> Settings:
    """Return settings with a unique name and topic prefix, so several demos can share a broker."""
    name = f"demo-{uuid.uuid4().hex[:8]}"
    return read_settings(
        broker=broker,
        application=name,
        topic_prefix=f"{name}.",
        checkpoint_seconds=CHECKPOINT_SECONDS,
        idle_seconds=IDLE_SECONDS,
        early_labels_seconds=IDLE_SECONDS,
    )


@contextlib.contextmanager
def own_topics(settings: Settings, keep: bool) -> Iterator[None]:
    """Create the demo's topics and delete them at the end.

    Args:
        settings: The demo's settings.
        keep: Do not delete the topics, because the broker in memory ends with the demo.
    """
    create_topics(settings)
    try:
        yield
    finally:
        if not keep:
            _delete_topics(settings)


def _delete_topics(settings: Settings) -> None:
    admin = admin_client(settings)
    for deleted in admin.delete_topics([topic_name(settings, name) for name in TOPICS]).values():
        with contextlib.suppress(KafkaException):  # the broker may have stopped
            deleted.result(DELETE_SECONDS)


def apply(settings: Settings, monitors: Iterable[Monitor], references: Iterable[Reference]) -> None:
    """Publish references, then monitors. Workers apply them within a second."""
    records = [
        ConfigRecord("references", reference_key(each.subject, each.version), each.encode())
        for each in references
    ]
    records += [ConfigRecord("monitors", each.subject, each.model_dump_json().encode()) for each in monitors]
    send_configuration(settings, records)
