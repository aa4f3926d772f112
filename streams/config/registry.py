"""The registry: every monitor and reference in force, followed from their topics while a worker runs."""

import logging
import threading
from collections.abc import Mapping
from typing import Self

from confluent_kafka import Consumer, KafkaException

from watchkeeper.streams.config.state import Configuration, Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.kafka.following import Behind, follow
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import TopicName
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["Registry", "Watched"]

log = logging.getLogger(__name__)

_FOLLOWED: tuple[TopicName, ...] = ("monitors", "references")
_BATCH = 500
_POLL_SECONDS = 0.2
_RETRY_SECONDS = 1.0
_METADATA_SECONDS = 10.0


class Registry:
    """The configuration in force, for every stage of a worker.

    A thread follows the topics and replaces what a subject has as a whole: no reader sees half a change, and
    none takes a lock. A broken record is counted and logged, and what was in force before stays.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._configuration = Configuration()
        self._watched: dict[str, Timeline[Watched]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self.ready = threading.Event()
        """Set once both topics have been read to their ends."""
        self.generation = 0
        """Rises with each change of any subject."""

    @classmethod
    def fixed(cls, watched: Mapping[str, Watched | Timeline[Watched]]) -> Self:
        """Return a registry that is ready and follows no topic, for tests and benchmarks.

        A value that is not a timeline is in force at all times.
        """
        registry = cls(Settings())
        registry._watched = {
            name: each if isinstance(each, Timeline) else Timeline(each) for name, each in watched.items()
        }
        registry.generation = 1
        registry.ready.set()
        return registry

    @property
    def ignored(self) -> int:
        """How many broken records there were."""
        return self._configuration.ignored

    @property
    def broken(self) -> dict[str, str]:
        """Why records are not used now, by `topic/key`; one that was put right is not among them."""
        return dict(self._configuration.broken)

    def get(self, subject: str) -> Timeline[Watched] | None:
        """Return all revisions of a subject; the same object until it changes."""
        return self._watched.get(subject)

    def subjects(self) -> list[str]:
        """Return the subjects that have a monitor."""
        return list(self._watched)

    def start(self) -> None:
        """Begin to follow the topics; `ready` says when they have been read once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; what is known stays."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # without this thread a worker would never see a change again
                log.warning("monitors and references can't be followed, trying again: %s", error)
                self._stopping.wait(_RETRY_SECONDS)

    def _follow(self) -> None:
        consumer = follow(self._settings)
        try:
            behind = self._assign(consumer)
            configuration = Configuration()
            while not self._stopping.is_set():
                changed: set[str] = set()
                for message in consumer.consume(_BATCH, _POLL_SECONDS):
                    if message.error() is not None:
                        behind.note(message)
                        continue
                    topic = message.topic().removeprefix(self._settings.topic_prefix)
                    changed |= configuration.learn(topic, message.key(), message.value())
                if behind:  # half of the past is not a state that ever was
                    continue
                if configuration is not self._configuration:
                    changed |= {*self._watched, *configuration.subjects()}
                    self._configuration = configuration
                self._put_in_force(changed)
                self.ready.set()
        finally:
            consumer.close()

    def _assign(self, consumer: Consumer) -> Behind:
        """Read both topics from the start."""
        partitions = set()
        for name in _FOLLOWED:
            topic = topic_name(self._settings, name)
            found = consumer.list_topics(topic, _METADATA_SECONDS).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            partitions |= {(topic, number) for number in found.partitions}
        return Behind(consumer, partitions, _METADATA_SECONDS)

    def _put_in_force(self, subjects: set[str]) -> None:
        after = dict(self._watched)
        for subject in subjects:
            known = self._configuration.watched(subject)
            if known is None:
                after.pop(subject, None)
            elif known != after.get(subject):
                after[subject] = known
        if after != self._watched:
            self._watched = dict(sorted(after.items()))
            self.generation += 1
