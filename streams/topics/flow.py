"""What each stage reads, writes and delivers to: the one declaration of it.

The worker's rights, the topics between stages, the bounds of series, health and the table of
docs/reference/topics.md are derived from it. Which fold a stage runs is in `streams/stages.py`.
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
"""A Kafka topic, by its name without the prefix; `streams/topics/topics.py` says how each is made."""
SinkName = Literal["notify"]
"""A receiver outside of Kafka; `streams/sinks.py` says what makes it."""
Destination = TopicName | SinkName
"""Where a fold may send a message."""
TOPIC_NAMES: tuple[TopicName, ...] = get_args(TopicName)
SINK_NAMES: tuple[SinkName, ...] = get_args(SinkName)
PAGING_SINK: SinkName = "notify"
"""The sink to which a worker sends its last page when it stops because of rejected events."""
DESTINATIONS: frozenset[str] = frozenset({*TOPIC_NAMES, *SINK_NAMES})


class Flow(NamedTuple):
    """What one stage reads, writes and delivers to."""

    name: str
    """It identifies the stage in checkpoints, metrics and headers: never change it."""
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
    """Return the topics through which stages talk to each other: some stage writes and some stage reads them.

    >>> sorted(internal_topics(FLOWS))
    ['alerts', 'findings', 'profiles']
    """
    flows = list(flows)
    return frozenset(read_by(flows)) & frozenset(written_by(flows))


def sources(flows: Iterable[Flow]) -> list[TopicName]:
    """Return the topics that stages read and no stage writes: services publish to them.

    >>> sources(FLOWS)
    ['predictions', 'labels', 'features']
    """
    flows = list(flows)
    written = written_by(flows)
    return [topic for topic in read_by(flows) if topic not in written]


def delivering(flows: Iterable[Flow]) -> frozenset[str]:
    """Return the names of the stages with a sink: their saves wait for a receiver outside of Kafka.

    >>> delivering(FLOWS)
    frozenset({'notify'})
    """
    return frozenset(flow.name for flow in flows if flow.sinks)


INTERNAL_TOPICS = internal_topics(FLOWS)
SOURCES = tuple(sources(FLOWS))
DELIVERING = delivering(FLOWS)
