"""A topic is read to its end where the broker says that it ends, not before what it said at first."""

import pytest
from confluent_kafka import KafkaError

from watchkeeper.streams.kafka import following
from watchkeeper.streams.kafka.following import Behind


class Told:
    """What a consumer gets in place of a record."""

    def __init__(self, partition: int, offset: int, code: int = KafkaError._PARTITION_EOF) -> None:
        self.told = ("alerts", partition, offset, KafkaError(code))

    def topic(self) -> str:
        return self.told[0]

    def partition(self) -> int:
        return self.told[1]

    def offset(self) -> int:
        return self.told[2]

    def error(self) -> KafkaError:
        return self.told[3]


class Consumer:
    """One that may be told what to read."""

    assigned: tuple[tuple[str, int], ...] = ()

    def assign(self, partitions) -> None:
        self.assigned = tuple((each.topic, each.partition) for each in partitions)


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Behind:
    ends = {("alerts", 0): 7, ("alerts", 1): 0}
    monkeypatch.setattr(following, "known_end", lambda _, topic, partition, __: ends[topic, partition])
    consumer = Consumer()
    made = Behind(consumer, ends, 1)  # type: ignore[arg-type]
    assert consumer.assigned == (("alerts", 0), ("alerts", 1))
    return made


def test_an_end_before_the_one_that_was_known_is_of_a_new_leader_and_no_end(behind):
    behind.note(Told(1, 0))
    behind.note(Told(0, 6))
    assert behind
    behind.note(Told(0, 7))
    assert not behind


def test_an_error_is_no_end(behind):
    for partition in (0, 1):
        behind.note(Told(partition, 9, KafkaError._TRANSPORT))
    assert behind
