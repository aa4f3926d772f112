"""The configuration of every topic: cleanup policy, number of partitions and retention."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import timedelta
from typing import NamedTuple, TypeGuard

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewPartitions, NewTopic

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.streams.kafka.client import MAX_MESSAGE_BYTES, BrokerError, admin_client, describe
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import TopicName

__all__ = [
    "TOPICS",
    "Topic",
    "add_partitions",
    "create_topics",
    "is_topic",
    "known_topic",
    "missing_topics",
    "topic_name",
    "topic_problems",
]


class Topic(NamedTuple):
    """One topic. Its name on the broker is the prefix from the settings followed by `name`."""

    name: TopicName
    purpose: str
    """What the topic holds, as the reference lists it."""
    compacted: bool = False
    """Whether the broker keeps only the last record of each key, without a time limit."""
    partitions: int | None = None
    """The number of partitions; None means the number from the settings."""
    retention: timedelta = timedelta(days=7)
    """How long the broker keeps records, if the topic is not compacted."""

    def config(self) -> dict[str, str]:
        """Return the configuration of this topic for the broker."""
        if not self.compacted:
            retention_ms = milliseconds(self.retention)
            return {"cleanup.policy": "delete", "retention.ms": str(retention_ms)} | _COMMON
        # Readers read the whole topic, and the broker never compacts the active segment: so it is small.
        return {
            "cleanup.policy": "compact",
            "segment.bytes": str(16 * 2**20),
            "segment.ms": str(milliseconds(timedelta(minutes=10))),
            "min.cleanable.dirty.ratio": "0.1",
        } | _COMMON


_COMMON = {"max.message.bytes": str(MAX_MESSAGE_BYTES), "message.timestamp.type": "LogAppendTime"}
"""The configuration of all topics. The broker sets the timestamps: with those of producers, it would reject
records that are an hour ahead of its clock."""

TOPICS: dict[TopicName, Topic] = {
    topic.name: topic
    for topic in (
        Topic("predictions", "what models answered, from services"),
        Topic("labels", "the truth about predictions, from services"),
        Topic("features", "rows of feature views, from services"),
        Topic("profiles", "panes of mergeable profiles and watermarks, from ingest to evaluate"),
        Topic("statistics", "the numbers of each closed window", retention=timedelta(days=30)),
        Topic("findings", "the judgement on each closed window, from evaluate to page"),
        Topic("alerts", "the state of each incident, from page to notify", compacted=True),
        Topic("retraining", "requests to retrain a model", retention=timedelta(days=90)),
        Topic("rejected", "events that could not be used, and why", retention=timedelta(days=14)),
        Topic("monitors", "what is watched and how", compacted=True, partitions=1),
        Topic("references", "what normal looks like", compacted=True, partitions=1),
        Topic("checkpoints", "offsets, state and outbox of every stage and partition", compacted=True),
    )
}
"""All topics, by name."""


def is_topic(name: str) -> TypeGuard[TopicName]:
    """Whether a name, without the prefix, is a topic of Watchkeeper.

    >>> is_topic("labels"), is_topic("notify")
    (True, False)
    """
    return name in TOPICS


def known_topic(name: str) -> TopicName:
    """Check a topic name that comes from outside of the code; LookupError if there is no such topic."""
    if is_topic(name):
        return name
    raise LookupError(f"there is no topic {name!r}")


def topic_name(settings: Settings, name: TopicName) -> str:
    """Return the name of a topic on the broker.

    >>> topic_name(Settings(topic_prefix="ml."), "labels")
    'ml.labels'
    """
    return settings.topic_prefix + TOPICS[name].name


def missing_topics(settings: Settings) -> list[str]:
    """Return the topics that do not exist on the broker, by their names there."""
    existing = describe(settings).topics
    names = [topic_name(settings, name) for name in TOPICS]
    return [name for name in names if name not in existing]


def topic_problems(settings: Settings) -> list[str]:
    """Return one sentence for each topic that keeps a worker from starting: missing, or too few partitions.

    Partitions that were added to a topic do not: the known ones are read, and the others are reported.
    """
    existing = describe(settings).topics
    problems = []
    for topic in TOPICS.values():
        name, wanted = topic_name(settings, topic.name), topic.partitions or settings.partitions
        if name not in existing:
            problems.append(f"topic {name} does not exist; run: watchkeeper topics create")
        elif (found := len(existing[name].partitions)) < wanted or (topic.partitions and found > wanted):
            problems.append(f"topic {name} has {found} partitions, but the settings say {wanted}")
    return problems


def create_topics(settings: Settings, timeout_seconds: float = 30) -> list[str]:
    """Create the missing topics and wait until clients can use them.

    Args:
        settings: They give the broker, the prefix, and the number of partitions and replicas.
        timeout_seconds: Maximum seconds to wait for the broker, and for leaders of the partitions.

    Returns:
        The names of the created topics on the broker.

    Raises:
        BrokerError: A topic could not be created, or has no leader in time.
    """
    missing = missing_topics(settings)
    wanted = [
        new for new in (_new_topic(settings, topic) for topic in TOPICS.values()) if new.topic in missing
    ]
    if not wanted:
        return []
    admin = admin_client(settings)  # Keep a reference: without it, the results are never set.
    results = admin.create_topics(wanted, operation_timeout=timeout_seconds)
    created = [name for name, result in results.items() if _created(name, result)]
    _wait_for_leaders(settings, missing, timeout_seconds)
    return created


def add_partitions(settings: Settings, wanted: Mapping[str, int], timeout_seconds: float = 30) -> None:
    """Add partitions to topics, and wait until clients can use them.

    Args:
        settings: They give the broker.
        wanted: By the name of a topic on the broker, its new number of partitions.
        timeout_seconds: Maximum seconds to wait for the broker, and for leaders.

    Raises:
        BrokerError: The broker refuses, or a partition has no leader in time.
    """
    if not wanted:
        return
    admin = admin_client(settings)  # Keep a reference: without it, the results are never set.
    new = [NewPartitions(name, count) for name, count in wanted.items()]
    for name, result in admin.create_partitions(new, operation_timeout=timeout_seconds).items():
        try:
            result.result()
        except KafkaException as error:
            raise BrokerError(f"topic {name} gets no partitions: {error.args[0].str()}") from None
    _wait_for_leaders(settings, list(wanted), timeout_seconds)


def _new_topic(settings: Settings, topic: Topic) -> NewTopic:
    return NewTopic(
        topic_name(settings, topic.name),
        num_partitions=topic.partitions or settings.partitions,
        replication_factor=settings.replication,
        config=topic.config() | {"min.insync.replicas": str(max(1, settings.replication - 1))},
    )


def _created(name: str, result: Future[None]) -> bool:
    try:
        result.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:  # Another command created it.
            return False
        raise BrokerError(f"topic {name} could not be created: {error.args[0].str()}") from None
    return True


def _wait_for_leaders(settings: Settings, names: list[str], timeout_seconds: float) -> None:
    """Wait until clients can use the topics: the broker reports success before all brokers know them."""
    deadline = time.monotonic() + timeout_seconds
    while waiting := _without_leader(settings, names):
        if time.monotonic() > deadline:
            raise BrokerError(
                f"topic {waiting[0]} has no leader {timeout_seconds:g} seconds after its creation"
            )
        time.sleep(0.05)


def _without_leader(settings: Settings, names: list[str]) -> list[str]:
    existing = describe(settings).topics
    return [
        name
        for name in names
        if name not in existing or any(part.leader < 0 for part in existing[name].partitions.values())
    ]
