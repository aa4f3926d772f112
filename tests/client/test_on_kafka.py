"""What a service publishes arrives on real brokers, whole, decodable, and labels beside their predictions."""

from datetime import UTC, datetime

from confluent_kafka import Message

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.decode import EventDecoder, Row, SubjectDecoder
from watchkeeper.streams.ingest.decode_labels import LabelDecoder
from watchkeeper.streams.kafka.client import describe, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name
from watchkeeper_client import Publisher, PublisherCounts

MONITOR = Monitor.model_validate(
    {
        "model": "flight-delay",
        "owner": {"team": "ops"},
        "task": "binary-classification",
        "features": {"distance": {"type": "number"}, "carrier": {"type": "category"}},
    }
)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def messages(settings: Settings, name: str) -> list[Message]:
    topic = topic_name(settings, name)
    parts = describe(settings).topics[topic].partitions
    return [message for part in sorted(parts) for message in read_to_end(settings, topic, part)]


def record(message: Message) -> Record:
    return Record(0, 0, message.key(), message.value(), message.headers())


def test_events_arrive_decodable_and_labels_beside_their_predictions(settings: Settings) -> None:
    with Publisher(settings.broker, source="/test", topic_prefix=settings.topic_prefix) as publisher:
        ids = [
            publisher.predict(
                "flight-delay", {"distance": 1400.0 + i, "carrier": "UA"}, score=0.25, event_time=AT
            )
            for i in range(200)
        ]
        for prediction_id in ids:
            publisher.label(prediction_id, True, model="flight-delay", label_time=AT)
        publisher.feature("weather", {"temp": 39.0}, event_time=AT, entity_id="EWR")
    assert publisher.counts() == PublisherCounts(queued=401)
    predictions, labels = messages(settings, "predictions"), messages(settings, "labels")
    places = {message.key().decode(): message.partition() for message in predictions}
    assert sorted(places) == sorted(ids)
    assert len(set(places.values())) > 1
    assert {message.key().decode(): message.partition() for message in labels} == places
    decoder = EventDecoder([Timeline(SubjectDecoder(MONITOR))], "model")
    rows = [decoder.decode(record(message)) for message in predictions]
    assert all(isinstance(row, Row) and not row.wrong for row in rows)
    assert all(isinstance(LabelDecoder().decode(record(message)), Row) for message in labels)
    (weather,) = messages(settings, "features")
    assert weather.key() == b"EWR"
    assert dict(weather.headers())["ce_type"] == b"io.watchkeeper.feature.v1"


def test_a_topic_that_does_not_exist_costs_events_and_nothing_else(settings: Settings) -> None:
    nowhere = settings.topic_prefix + "nowhere."
    publisher = Publisher(settings.broker, topic_prefix=nowhere, message_timeout_ms=2000)
    publisher.label("p", True)
    assert publisher.flush(20) == 0
    created = nowhere + "labels" in describe(settings).topics  # some brokers do that by themselves
    assert publisher.counts() == PublisherCounts(queued=1, failed=0 if created else 1)
