"""Ruins of the logs under the checkpoints, each with what must be told and what may be missing.

After such a fault the statistics cannot be those of an undisturbed run. What is missing must be counted.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from tests.faults.stream import Event
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name

GONE_SHARE = 2
"""One in this many unread records, or checkpoints, is deleted; chosen by hand."""
ANSWER_SECONDS = 60.0
"""How long the broker may take to do what is asked. On an idle machine it takes milliseconds."""


class Ruin(NamedTuple):
    """One kind of ruin."""

    what: str
    inject: Callable[[Settings], int]
    """Do it. Return how many unread events are gone for good."""
    changes: frozenset[str]
    """One of these changes of a log must be counted; empty if partitions that nobody reads must be."""
    running: bool
    """Whether workers run meanwhile."""
    unread: bool = False
    """Whether the second part is published before the fault, while no worker runs."""
    exact: bool = True
    """Whether every event that is left must be in the statistics; otherwise only those after the fault."""


def topic_anew(settings: Settings, topic: str = "predictions") -> int:
    """Delete a topic and create it again."""
    admin = AdminClient(settings.client_config())
    name = topic_name(settings, topic)
    admin.delete_topics([name], operation_timeout=ANSWER_SECONDS)[name].result(ANSWER_SECONDS)
    deadline = time.monotonic() + ANSWER_SECONDS
    while name in admin.list_topics(timeout=ANSWER_SECONDS).topics and time.monotonic() < deadline:
        time.sleep(0.1)
    while name not in create_topics(settings):
        assert time.monotonic() < deadline, f"{name} could not be created again"
        time.sleep(0.2)
    return 0


def profiles_anew(settings: Settings) -> int:
    """Delete the topic between two stages, and create it again."""
    return topic_anew(settings, "profiles")


def overtaken(settings: Settings) -> int:
    """Delete a part of the unread events of each partition, as retention does."""
    name = topic_name(settings, "predictions")
    admin = AdminClient(settings.client_config())
    cuts, gone = [], 0
    for number in range(settings.partitions):
        offsets = [m.offset() or 0 for m in read_to_end(settings, name, number)]
        read = committed(settings, name, number)
        unread = [offset for offset in offsets if offset >= read]
        if unread:
            lost = len(unread) // GONE_SHARE
            gone += lost
            cuts.append(TopicPartition(name, number, unread[lost]))
    for done in admin.delete_records(cuts).values():
        done.result(ANSWER_SECONDS)
    return gone


def checkpoints_emptied(settings: Settings) -> int:
    """Lose all checkpoints."""
    return topic_anew(settings, "checkpoints")


def checkpoints_cut(settings: Settings) -> int:
    """Lose the last checkpoints, as a restored volume does."""
    name = topic_name(settings, "checkpoints")
    logs = {number: list(read_to_end(settings, name, number)) for number in range(settings.partitions)}
    topic_anew(settings, "checkpoints")
    sender = producer(settings)
    for number, records in logs.items():
        for record in records[: len(records) // GONE_SHARE]:
            sender.produce(name, record.value(), record.key(), number, headers=record.headers() or [])
            sender.poll(0)
    assert sender.flush(ANSWER_SECONDS) == 0
    return 0


def partitions_added(settings: Settings) -> int:
    """Add two partitions to a topic of events."""
    name = topic_name(settings, "predictions")
    admin = AdminClient(settings.client_config())
    admin.create_partitions([NewPartitions(name, settings.partitions + 2)])[name].result(ANSWER_SECONDS)
    return 0


def committed(settings: Settings, name: str, number: int) -> int:
    """Return the group's committed offset of a partition; 0 if there is none."""
    asking = Consumer(settings.client_config() | {"group.id": settings.topic_prefix + settings.application})
    try:
        [found] = asking.committed([TopicPartition(name, number)], timeout=ANSWER_SECONDS)
    finally:
        asking.close()
    return max(0, found.offset)


def pinned(events: list[Event], partitions: int) -> list[tuple[Event, int]]:
    """Give each event one of the first partitions, in turns, whatever the topic has."""
    return [(event, index % partitions) for index, event in enumerate(events)]


RUINS = {
    "topic_anew": Ruin(
        "`predictions` is deleted and created again", topic_anew, frozenset({"recreated"}), True
    ),
    "topic_anew_stopped": Ruin("the same while no worker runs", topic_anew, frozenset({"recreated"}), False),
    "profiles_anew": Ruin(
        "`profiles` is deleted and created again while no worker runs",
        profiles_anew,
        frozenset({"recreated"}),
        False,
    ),
    "overtaken": Ruin(
        "retention deletes half of what no worker has read",
        overtaken,
        frozenset({"overtaken"}),
        False,
        unread=True,
    ),
    "checkpoints_emptied": Ruin(
        "all checkpoints are lost", checkpoints_emptied, frozenset({"checkpoint_lost"}), False, exact=False
    ),
    "checkpoints_cut": Ruin(
        "the newest half of the checkpoints is lost",
        checkpoints_cut,
        frozenset({"checkpoint_behind", "checkpoint_lost"}),
        False,
        exact=False,
    ),
    "partitions_added": Ruin("`predictions` gets two more partitions", partitions_added, frozenset(), True),
}
"""All kinds of ruin, by name."""
