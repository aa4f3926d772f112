"""Topics that are filled before a measurement and deleted after it."""

from collections.abc import Iterable

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient


def fill_topic(broker: str, name: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Produce all records by key, uncompressed. Raise if one is not acknowledged."""
    failures: list[str] = []
    producer = Producer(
        {
            "bootstrap.servers": broker,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "on_delivery": lambda error, _: failures.extend([str(error)] if error else []),
        }
    )
    for key, value in records:
        _produce(producer, name, key, value)
    if producer.flush(60) or failures:
        raise RuntimeError(f"the topic {name} could not be filled: {failures[:1] or 'timeout'}")


def _produce(producer: Producer, name: str, key: bytes, value: bytes) -> None:
    while True:
        try:
            producer.produce(name, value, key)
        except BufferError:  # the local queue is full: deliveries empty it
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def delete_topics(broker: str, prefix: str) -> None:
    """Delete all topics whose names begin with `prefix`."""
    admin = AdminClient({"bootstrap.servers": broker})
    names = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
    for name, deleted in admin.delete_topics(names).items():
        try:
            deleted.result(timeout=30)
        except KafkaException as error:
            raise RuntimeError(f"the topic {name} could not be deleted: {error}") from error
