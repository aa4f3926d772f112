"""Counts the events of models and feature views that no monitor watches, by their names."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.cli.ledger import subject_of
from watchkeeper.streams.kafka.client import read_to_end, reader_config
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["OTHERS", "Unwatched", "count_unwatched", "read_unwatched"]

NAMES_MAX = 100
"""Most names that are counted apart. Chosen by hand: a publisher that makes up names must not fill memory."""
OTHERS = "__other__"
"""The name of all subjects beyond `NAMES_MAX`."""
_ANSWER_SECONDS = 10.0
"""Time in seconds that the broker has for a request. Chosen by hand: shorter fails on a slow network."""
_KINDS = {"unknown_model": "model", "unknown_feature_view": "feature view"}
_decoder = msgspec.msgpack.Decoder(Rejection)


class Unwatched(msgspec.Struct, frozen=True):
    """The events of one subject without a monitor."""

    kind: str
    """`model` or `feature view`."""
    name: str
    """The name in the events; `OTHERS` for all beyond the first hundred names."""
    events: int
    """Number of events that were rejected and not replayed."""

    def __str__(self) -> str:
        """Return it as text, for people.

        >>> print(Unwatched("model", "c34", 1200))
        1,200 events of the model `c34`, which no monitor watches
        """
        of = f"of the {self.kind} `{self.name}`" if self.name != OTHERS else f"of other {self.kind}s"
        return f"{self.events:,} event{'' if self.events == 1 else 's'} {of}, which no monitor watches"


def read_unwatched(settings: Settings, watched: Iterable[str], since_ms: int) -> list[Unwatched]:
    """Return the subjects without a monitor that published events, the one with most events first.

    Args:
        settings: They give the broker and the login.
        watched: The names of the models and feature views that have a monitor now.
        since_ms: Only events rejected at this time or later count, in ms since 1970.
    """
    topic = topic_name(settings, "rejected")
    partitions = sorted(reach(settings).topics[topic].partitions)
    starts = _starts(settings, topic, partitions, since_ms)
    rejections = (each for n in partitions for each in _rejections(settings, topic, n, starts.get(n)))
    return count_unwatched(rejections, watched, since_ms)


def count_unwatched(
    rejections: Iterable[Rejection], watched: Iterable[str], since_ms: int
) -> list[Unwatched]:
    """Count the rejections of subjects without a monitor.

    Args:
        rejections: Rejections, and the records of their replays.
        watched: The names of the models and feature views that have a monitor now.
        since_ms: Only events rejected at this time or later count, in ms since 1970.

    >>> event = Rejection("labels", 0, 7, "unknown_model", "", 9, 0, None, b'{"model": "a"}', [])
    >>> [str(each) for each in count_unwatched([event], ["b"], since_ms=0)]
    ['1 event of the model `a`, which no monitor watches']
    >>> count_unwatched([event], ["a"], since_ms=0)
    []
    """
    known, counts = set(watched), Counter[tuple[str, str]]()
    for rejection in rejections:
        kind = _KINDS.get(rejection.reason)
        if kind is None or rejection.rejected_at_ms < since_ms:
            continue
        name = subject_of(rejection) or ""
        if name in known:
            continue
        key = (kind, name)
        if key not in counts and len(counts) >= NAMES_MAX:
            key = (kind, OTHERS)
        counts[key] += -1 if rejection.replayed else 1
    return [Unwatched(*key, events) for key, events in counts.most_common() if events > 0]


def _rejections(settings: Settings, topic: str, number: int, start: int | None) -> Iterator[Rejection]:
    for message in read_to_end(settings, topic, number, start):
        try:
            yield _decoder.decode(message.value() or b"")
        except msgspec.MsgspecError:
            continue


def _starts(settings: Settings, topic: str, partitions: list[int], since_ms: int) -> dict[int, int]:
    """Return the first offset at or after a time by partition; the whole partition where that is unknown."""
    wanted = [TopicPartition(topic, number, since_ms) for number in partitions]
    with closing(Consumer(reader_config(settings) | {"log_level": 0})) as consumer:
        try:
            found = consumer.offsets_for_times(wanted, _ANSWER_SECONDS)
        except KafkaException:
            return {}
    return {each.partition: each.offset for each in found if each.error is None and each.offset >= 0}
