"""What can be said of the clients without a broker; the rest is in tests/integration/test_brokers.py."""

import pytest
from confluent_kafka import KafkaError

from watchkeeper.streams.kafka import client
from watchkeeper.streams.kafka.client import BrokerError, _next, admin_client, describe, producer, read_to_end
from watchkeeper.streams.kafka.embedded import free_port
from watchkeeper.streams.settings import Settings


def test_a_broker_that_does_not_answer_is_named() -> None:
    nobody = Settings(broker=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerError, match=rf"no Kafka broker answers at {nobody.broker} .*--broker"):
        describe(nobody, timeout_seconds=0.2)
    with pytest.raises(BrokerError, match=nobody.broker):
        list(read_to_end(nobody, "labels", 0, timeout_seconds=0.2))


def test_settings_of_librdkafka_are_passed_on() -> None:
    with pytest.raises(Exception, match="no_such_setting"):
        producer(Settings(), no_such_setting=1)


def test_an_admin_client_logs_no_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "AdminClient", dict)
    assert admin_client(Settings())["log_level"] == 5  # type: ignore[index]


class Scripted:
    """Stands in for a consumer: says what it is told to, in turn."""

    def __init__(self, *messages: object) -> None:
        self._messages = list(messages)

    def poll(self, _: float) -> object:
        return self._messages.pop(0)


class Said:
    """A message, or the end of a partition."""

    def __init__(self, offset: int, is_end: bool = False) -> None:
        self._offset, self._is_end = offset, is_end

    def offset(self) -> int:
        return self._offset

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self._is_end else None


def test_an_end_that_a_new_leader_tells_too_early_is_not_the_end():
    early, record, end = Said(3, is_end=True), Said(3), Said(4, is_end=True)
    consumer = Scripted(early, record, end)
    assert _next(consumer, 5, end=4) is record
    assert _next(consumer, 5, end=4) is None
