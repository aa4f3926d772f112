"""What can be said of the clients without a broker; the rest is in tests/integration/test_brokers.py."""

import pytest

from streams.broker import free_port
from streams.kafka import BrokerError, describe, producer, read_to_end
from streams.settings import Settings


def test_a_broker_that_does_not_answer_is_named() -> None:
    nobody = Settings(broker=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerError, match=rf"no Kafka broker answers at {nobody.broker} .*--broker"):
        describe(nobody, timeout_seconds=0.2)
    with pytest.raises(BrokerError, match=nobody.broker):
        list(read_to_end(nobody, "labels", 0, timeout_seconds=0.2))


def test_settings_of_librdkafka_are_passed_on() -> None:
    with pytest.raises(Exception, match="no_such_setting"):
        producer(Settings(), no_such_setting=1)
