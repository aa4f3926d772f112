"""Asks the broker for the logs of partitions: topic ids, starts, ends, epochs and committed offsets."""

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from watchkeeper.streams.kafka.client import admin_client, reader_config
from watchkeeper.streams.kafka.embedded import CLUSTER_ID
from watchkeeper.streams.kafka.log_facts import UNKNOWN, LogFacts
from watchkeeper.streams.settings import Settings

__all__ = ["LogReader", "Place"]

Place = tuple[str, int]
"""The name of a topic on the broker, and a partition number."""
REQUEST_SECONDS = 10
"""Seconds that one request may take. Chosen by hand: a slow network against a check that waits long."""
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""The topic id of brokers that have no topic ids: 16 bytes of 0, in Base64."""


class LogReader:
    """Reads the facts of logs. Its methods block; several threads may call them.

    Args:
        settings: They give the broker, the login, and the name of the group.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._group = settings.topic_prefix + settings.application
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._consumer: Consumer | None = None
        self._admin: AdminClient | None = None
        self.ends_are_exact = True
        """Whether ends are exact, as of the first request. Those of the embedded broker are too low."""

    def partitions(self, topics: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Return the id and number of partitions of each topic that exists."""
        admin, found = self._client(), {}
        answers = admin.describe_topics(TopicCollection(list(topics)), request_timeout=REQUEST_SECONDS)
        for name, answer in answers.items():
            topic = _result(answer)
            if topic is not None:
                given = str(topic.topic_id)
                found[name] = ("" if given == _NO_ID else given, len(topic.partitions))
        return found

    def facts(self, places: Iterable[Place], compacted: Iterable[str] = ()) -> dict[Place, LogFacts]:
        """Return the facts of each partition that exists and has a leader.

        Args:
            places: The partitions.
            compacted: The names of the topics that are compacted.

        Raises:
            KafkaException: The broker does not answer.
        """
        places, compacted = list(places), set(compacted)
        topics = self.partitions({topic for topic, _ in places})
        there = [place for place in places if place[0] in topics and place[1] < topics[place[0]][1]]
        starts, ends = (self._offsets(there, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
        committed = self._committed(there)
        return {
            place: LogFacts(
                topics[place[0]][0],
                starts[place][0],
                ends[place][0] if self.ends_are_exact else UNKNOWN,
                ends[place][1],
                committed.get(place, UNKNOWN),
                place[0] in compacted,
            )
            for place in there
            if place in starts and place in ends
        }

    def _client(self) -> AdminClient:
        with self._lock:
            if self._admin is None:
                admin = admin_client(self._settings)
                self.ends_are_exact = admin.list_topics(timeout=REQUEST_SECONDS).cluster_id != CLUSTER_ID
                self._admin = admin
            return self._admin

    def _offsets(self, places: Iterable[Place], spec: Any) -> dict[Place, tuple[int, int]]:
        wanted = {TopicPartition(*place): spec for place in places}
        if not wanted:
            return {}
        answers = self._client().list_offsets(wanted, request_timeout=REQUEST_SECONDS)
        found = {}
        for place, answer in answers.items():
            info = _result(answer)
            if info is not None:
                epoch = UNKNOWN if info.leader_epoch is None else info.leader_epoch
                found[place.topic, place.partition] = (info.offset, epoch)
        return found

    def _committed(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """Return the offsets that the group has committed.

        A consumer asks, not the admin client: librdkafka ends the process if the coordinator goes away while
        an admin request about a group is under way (confluentinc/librdkafka#4605).
        """
        with self._asking:
            if self._consumer is None:
                self._consumer = Consumer(reader_config(self._settings) | {"group.id": self._group})
            asked = [TopicPartition(*place) for place in places]
            found = self._consumer.committed(asked, timeout=REQUEST_SECONDS) if asked else []
        return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def _result(answer: Future[Any]) -> Any:
    """Return the answer about one topic or partition; None if it does not exist, or has no leader now."""
    try:
        return answer.result()
    except KafkaException as error:
        if error.args[0].code() < 0 and error.args[0].retriable():
            raise
        return None
