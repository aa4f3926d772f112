"""Declares what each stage reads, writes and delivers to.

The rights of a worker, the internal topics, the series bound, health and docs/reference/topics.md are derived
from it. `streams/stages.py` declares which fold a stage runs.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

__all__ = [
    "DELIVERING",
    "DESTINATIONS",
    "EVALUATE",
    "FLOWS",
    "INGEST",
    "INTERNAL_TOPICS",
    "NOTIFY",
    "PAGE",
    "PAGING_SINK",
    "SINK_NAMES",
    "SOURCES",
    "TOPIC_NAMES",
    "Destination",
    "Flow",
    "SinkName",
    "TopicName",
    "delivering",
    "internal_topics",
    "read_by",
    "sources",
    "written_by",
]

TopicName = Literal[
    "predictions",
    "labels",
    "features",
    "profiles",
    "statistics",
    "findings",
    "alerts",
    "retraining",
    "rejected",
    "monitors",
    "references",
    "checkpoints",
]
"""The name of a Kafka topic, without the prefix. `streams/topics/topics.py` holds its configuration."""
SinkName = Literal["notify"]
"""The name of a sink: a destination outside of Kafka. `streams/sinks.py` lists the receivers of each."""
Destination = TopicName | SinkName
"""A topic or sink to which a fold may send a message."""
TOPIC_NAMES: tuple[TopicName, ...] = get_args(TopicName)
"""All topics."""
SINK_NAMES: tuple[SinkName, ...] = get_args(SinkName)
"""All sinks."""
PAGING_SINK: SinkName = "notify"
"""The sink for the page that a worker sends when it stops because it rejects too many events."""
DESTINATIONS: frozenset[str] = frozenset({*TOPIC_NAMES, *SINK_NAMES})
"""All topics and sinks."""


class Flow(NamedTuple):
    """What one stage reads, writes and delivers to."""

    name: str
    """The name of the stage. Never change it: it is part of checkpoints, metrics and headers."""
    reads: tuple[TopicName, ...]
    writes: tuple[TopicName, ...]
    sinks: tuple[SinkName, ...] = ()

    @property
    def destinations(self) -> frozenset[str]:
        """Return every topic and sink to which the stage may send."""
        return frozenset({*self.writes, *self.sinks})


INGEST = Flow("ingest", ("predictions", "labels", "features"), ("profiles", "rejected"))
EVALUATE = Flow("evaluate", ("profiles",), ("statistics", "findings", "rejected"))
PAGE = Flow("page", ("findings",), ("alerts", "retraining", "rejected"))
NOTIFY = Flow("notify", ("alerts",), ("rejected",), ("notify",))
FLOWS = (INGEST, EVALUATE, PAGE, NOTIFY)
"""All stages, in the order in which data passes them."""


def read_by(flows: Iterable[Flow]) -> list[TopicName]:
    """Return the topics that stages read, in the order of `TOPIC_NAMES`.

    >>> read_by([PAGE, NOTIFY])
    ['findings', 'alerts']
    """
    read = {topic for flow in flows for topic in flow.reads}
    return [topic for topic in TOPIC_NAMES if topic in read]


def written_by(flows: Iterable[Flow]) -> list[TopicName]:
    """Return the topics that stages write, in the order of `TOPIC_NAMES`.

    >>> written_by([PAGE, NOTIFY])
    ['alerts', 'retraining', 'rejected']
    """
    written = {topic for flow in flows for topic in flow.writes}
    return [topic for topic in TOPIC_NAMES if topic in written]


def internal_topics(flows: Iterable[Flow]) -> frozenset[TopicName]:
    """Return the topics that one stage writes and another stage reads.

    >>> sorted(internal_topics(FLOWS))
    ['alerts', 'findings', 'profiles']
    """
    flows = list(flows)
    return frozenset(read_by(flows)) & frozenset(written_by(flows))


def sources(flows: Iterable[Flow]) -> list[TopicName]:
    """Return the topics that stages read and no stage writes. Services publish to them.

    >>> sources(FLOWS)
    ['predictions', 'labels', 'features']
    """
    flows = list(flows)
    written = written_by(flows)
    return [topic for topic in read_by(flows) if topic not in written]


def delivering(flows: Iterable[Flow]) -> frozenset[str]:
    """Return the names of the stages with a sink. Their saves wait for a receiver outside of Kafka.

    >>> delivering(FLOWS)
    frozenset({'notify'})
    """
    return frozenset(flow.name for flow in flows if flow.sinks)


INTERNAL_TOPICS = internal_topics(FLOWS)
"""The topics between the stages."""
SOURCES = tuple(sources(FLOWS))
"""The topics to which services publish."""
DELIVERING = delivering(FLOWS)
"""The names of the stages with a sink."""
