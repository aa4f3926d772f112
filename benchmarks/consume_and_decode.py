"""The lower bound of cost: batches from `confluent-kafka` and a typed `msgspec` decode, no statistics."""

import sys
import uuid

import confluent_kafka
import msgspec

from benchmarks.events import CATEGORIES, NUMBERS
from benchmarks.span import Span
from watchkeeper.schemas.events import Output

_BATCH = 1000

_columns = [(name, float | None) for name in NUMBERS] + [(name, str | None) for name in CATEGORIES]
Features = msgspec.defstruct("Features", _columns)


class Event(msgspec.Struct):
    """A prediction with this model's features as typed fields, which decodes fastest."""

    prediction_id: str
    model: str
    event_time: str
    features: Features  # type: ignore[valid-type]
    prediction: Output
    model_version: str
    latency_ms: float


def main(broker: str, topic_prefix: str, events: int) -> None:
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"bench-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
        }
    )
    consumer.subscribe([topic_prefix + "predictions"])
    decode = msgspec.json.Decoder(Event).decode
    span, decoded = Span(events), 0
    while decoded < events:
        messages = consumer.consume(_BATCH, timeout=1)
        if messages and not decoded:
            span.begin()
        for message in messages:
            decode(message.value())
        decoded += len(messages)
    span.end()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
