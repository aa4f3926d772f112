"""Reads the first events of a subject from its topic, to build a reference from them."""

import contextlib
import heapq
from collections.abc import Iterator
from itertools import islice

from confluent_kafka import Message

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.files.examples import Examples
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.clock import time_ms
from watchkeeper.streams.ingest.decode import EventDecoder, Row, SubjectDecoder, decode_all
from watchkeeper.streams.ingest.decode_labels import LabelDecoder
from watchkeeper.streams.ingest.environments import by_environment
from watchkeeper.streams.kafka.client import describe, headers_of, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import TopicName
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["first_examples"]


def first_examples(settings: Settings, monitor: Monitor, count: int) -> Examples:
    """Collect the first events of a subject that are still on their topic, with their current labels.

    Args:
        settings: The settings with the broker and the topics' prefix.
        monitor: The monitor of the subject.
        count: How many events to collect. The first are those with the earliest event times among the first
            `count` events of each partition.
    """
    topic: TopicName = "predictions" if monitor.model else "features"
    decoder = EventDecoder([Timeline(SubjectDecoder(monitor))], "model" if monitor.model else "feature_view")
    parts = (islice(_rows(part, decoder), count) for part in _partitions(settings, topic))
    earliest = heapq.nsmallest(
        count, (row for part in parts for row in part), key=lambda row: time_ms(row.event.event_time)
    )
    examples = Examples(monitor)
    for row in earliest:
        with contextlib.suppress(ValueError):  # ingest rejected it, so it is not an example
            examples.add(row)
    if monitor.labels is not None and examples.rows:
        for part in _partitions(settings, "labels"):
            _add_labels(part, examples)
    return examples


def _partitions(settings: Settings, name: TopicName) -> Iterator[Iterator[Message]]:
    topic = topic_name(settings, name)
    found = describe(settings).topics.get(topic)
    for number in sorted(found.partitions) if found else ():
        yield read_to_end(settings, topic, number)


def _rows(messages: Iterator[Message], decoder: EventDecoder) -> Iterator[Row]:
    for message in messages:
        record = [_record(message)]
        chunk = by_environment(decoder, record, decode_all(decoder, record))
        for event in chunk.events:
            yield Row(event, chunk.wrong.get(0, ()))


def _add_labels(messages: Iterator[Message], examples: Examples) -> None:
    """Add labels to the examples. As in ingest, the last label of a prediction counts."""
    decoder, monitor = LabelDecoder(), examples.monitor
    for message in messages:
        for label in decode_all(decoder, [_record(message)])[0]:
            if label.model in (monitor.name, None) and label.environment in (monitor.environment, None):
                with contextlib.suppress(ValueError):  # ingest rejected it
                    examples.label(label.prediction_id, None if label.retracted else label.label)


def _record(message: Message) -> Record:
    headers = [(name, value or b"") for name, value in headers_of(message)]
    return Record(message.offset(), message.timestamp()[1], message.key(), message.value(), headers)
