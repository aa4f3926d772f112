"""The demo's own topics on a shared broker."""

import time

from confluent_kafka.admin import AdminClient

from watchkeeper.demo.environment import IDLE_SECONDS, demo_settings, own_topics
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import missing_topics


def test_topics_of_the_demo_are_gone_at_its_end_and_nobody_elses(settings, broker: str) -> None:
    own = demo_settings(broker)
    assert own.idle_seconds == IDLE_SECONDS
    with own_topics(own, keep=False):
        assert missing_topics(own) == []
    deadline = time.monotonic() + 10
    while topics_of(own):  # Kafka answers that it has deleted them, and lists them for a moment
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert missing_topics(settings) == []


def topics_of(settings: Settings) -> list[str]:
    left = AdminClient(settings.client_config()).list_topics(timeout=10).topics
    return [name for name in left if name.startswith(settings.topic_prefix)]


def test_two_demos_on_one_broker_do_not_meet() -> None:
    one, other = demo_settings("kafka:9092"), demo_settings("kafka:9092")
    assert one.topic_prefix != other.topic_prefix
    assert one.application != other.application
