"""Every broker has the behaviour that Watchkeeper needs."""

import pytest
from confluent_kafka import KafkaException, Producer

from watchkeeper.streams.kafka.client import BrokerError, producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, missing_topics, topic_name, topic_problems


def send(settings: Settings, name: str, partition: int, values: list[bytes]) -> None:
    client = producer(settings)
    for value in values:
        client.produce(topic_name(settings, name), key=b"k", value=value, partition=partition)
    assert client.flush(30) == 0


def values(settings: Settings, name: str, partition: int) -> list[bytes | None]:
    return [message.value() for message in read_to_end(settings, topic_name(settings, name), partition)]


def test_a_thousand_records_come_back_in_order(settings: Settings) -> None:
    sent = [b"%d" % number for number in range(1000)]
    send(settings, "labels", 2, sent)
    assert values(settings, "labels", 2) == sent


def test_an_empty_partition_has_an_end(settings: Settings) -> None:
    assert values(settings, "labels", 0) == []


def test_a_read_begins_at_the_offset_that_is_asked_for(settings: Settings) -> None:
    send(settings, "labels", 0, [b"0", b"1", b"2"])
    read = read_to_end(settings, topic_name(settings, "labels"), 0, start_offset=2)
    assert [message.offset() for message in read] == [2]


def test_a_read_of_a_partition_that_is_not_there_says_so(settings: Settings) -> None:
    with pytest.raises(BrokerError, match="no partition 99 of topic"):
        list(read_to_end(settings, topic_name(settings, "labels"), 99))


def test_large_records_fit(settings: Settings) -> None:
    large = bytes(range(256)) * (15 * 2**12)
    send(settings, "checkpoints", 1, [large])
    assert values(settings, "checkpoints", 1) == [large]


def test_topics_are_created_once_and_checked(settings: Settings) -> None:
    assert create_topics(settings) == []
    assert missing_topics(settings) == []
    assert topic_problems(settings) == []
    split_otherwise = settings.model_copy(update={"partitions": settings.partitions + 1})
    assert any("has 4 partitions, but the settings say 5" in line for line in topic_problems(split_otherwise))


def test_topics_that_do_not_exist_are_named(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"topic_prefix": settings.topic_prefix + "nowhere."})
    assert topic_name(elsewhere, "alerts") in missing_topics(elsewhere)
    assert any("watchkeeper topics create" in line for line in topic_problems(elsewhere))


def test_an_older_producer_of_the_same_transactional_id_is_fenced(settings: Settings) -> None:
    topic = topic_name(settings, "checkpoints")

    def start() -> Producer:
        client = producer(settings, **{"transactional.id": settings.application, "log_level": 0})
        client.init_transactions(30)
        client.begin_transaction()
        return client

    def save(client: Producer, value: bytes) -> None:
        client.produce(topic, key=b"k", value=value, partition=0)
        client.commit_transaction(30)

    old = start()
    new = start()
    save(new, b"new")
    with pytest.raises(KafkaException):
        save(old, b"old")
    assert values(settings, "checkpoints", 0) == [b"new"]
