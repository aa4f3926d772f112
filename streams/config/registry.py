"""The registry: all monitors and references in force. It follows their topics while a worker runs."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from watchkeeper.schemas.times import END_MS
from watchkeeper.streams.config.progress import Place, ReadProgress
from watchkeeper.streams.config.state import Configuration, Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.kafka.client import BrokerError, known_end
from watchkeeper.streams.kafka.following import Behind, follow
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import TopicName
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["Registry", "Watched"]

log = logging.getLogger(__name__)

_FOLLOWED: tuple[TopicName, ...] = ("monitors", "references")
_BATCH = 500
"""Number of records that are read at once. Chosen by hand; it bounds memory."""
_POLL_SECONDS = 0.2
"""Longest wait in seconds for records. Chosen by hand; `stop` may take as long."""
_RETRY_SECONDS = 1.0
"""Pause in seconds after an error. Chosen by hand; a shorter one floods the log while the broker is down."""
_METADATA_SECONDS = 10.0
"""Timeout in seconds of requests for partitions and offsets. Chosen by hand."""
_END_SECONDS = 1.0
"""Timeout in seconds of a request for an end. Chosen by hand: chunks of events wait for it."""


class Registry:
    """The configuration in force, for every stage of a worker.

    A thread follows the topics and replaces the timeline of a subject as a whole. So readers need no lock and
    never see half a change. A broken record is counted and logged, and the configuration in force stays.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._configuration = Configuration()
        self._watched: dict[str, Timeline[Watched]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self._asking = threading.Lock()
        self._asker: Consumer | None = None
        """It asks for the ends of the topics. The one that reads would ask only once its fetch has ended."""
        self._places: dict[Place, TopicPartition] = {}
        self.progress = ReadProgress()
        """How far both topics are read and in force."""
        self.ready = threading.Event()
        """Set once both topics have been read to their ends."""
        self.generation = 0
        """Increases with each change of any subject."""

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
        registry.progress.up_to_ms = END_MS
        registry.ready.set()
        return registry

    @property
    def ignored(self) -> int:
        """Number of broken records so far."""
        return self._configuration.ignored

    @property
    def broken(self) -> dict[str, str]:
        """Why a record is not used, by `topic/key`. A record that was corrected later is not listed."""
        return dict(self._configuration.broken)

    def get(self, subject: str) -> Timeline[Watched] | None:
        """Return all revisions of a subject, the same object until it changes; None if it has no monitor."""
        return self._watched.get(subject)

    def subjects(self) -> list[str]:
        """Return the subjects that have a monitor."""
        return list(self._watched)

    def read_on(self, asked_ms: int, seconds: float) -> bool:
        """Wait until everything that was published before this call is in force; return whether it is.

        Args:
            asked_ms: The current time, since 1970.
            seconds: The longest time to wait.
        """
        ends = self._ends()
        return ends is not None and self.progress.reach(ends, asked_ms, seconds)

    def _ends(self) -> dict[Place, int] | None:
        """Ask the broker for the ends of both topics; None if it does not answer."""
        with self._asking:
            if self._stopping.is_set() or not self._places:
                return None
            if self._asker is None:
                self._asker = follow(self._settings)
            try:
                return {
                    place: known_end(self._asker, tp.topic, tp.partition, _END_SECONDS)
                    for place, tp in self._places.items()
                }
            except BrokerError as error:
                log.warning("the ends of monitors and references are unknown: %s", error)
                return None

    def start(self) -> None:
        """Start to follow the topics. `ready` is set once they have been read to their ends."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following the topics. The configuration read so far stays available."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._asking:
            if self._asker is not None:
                self._asker.close()
                self._asker = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # without this thread a worker would never see a change again
                log.warning("monitors and references can't be read, trying again: %s", error)
                self._stopping.wait(_RETRY_SECONDS)

    def _follow(self) -> None:
        consumer = follow(self._settings)
        try:
            behind = self._assign(consumer)
            configuration, offsets = Configuration(), dict.fromkeys(self._places, 0)
            while not self._stopping.is_set():
                changed: set[str] = set()
                for message in _waiting(consumer):
                    changed |= self._learn(configuration, message, behind, offsets)
                if behind:  # until all is read, the state is one that was never in force
                    continue
                if configuration is not self._configuration:
                    changed |= {*self._watched, *configuration.subjects()}
                    self._configuration = configuration
                self._put_in_force(changed)
                self.progress.advance(offsets)
                self.ready.set()
        finally:
            consumer.close()

    def _learn(
        self, configuration: Configuration, message: Message, behind: Behind, offsets: dict[Place, int]
    ) -> set[str]:
        """Apply a record, or note the end of a partition; return the subjects that changed."""
        topic = message.topic().removeprefix(self._settings.topic_prefix)
        place = topic, message.partition()
        if message.error() is not None:
            behind.note(message)
            if message.error().code() == KafkaError._PARTITION_EOF:  # after the markers of transactions, too
                offsets[place] = max(offsets[place], message.offset())
            return set()
        offsets[place] = message.offset() + 1
        return configuration.learn(topic, message.key(), message.value())

    def _assign(self, consumer: Consumer) -> Behind:
        """Assign all partitions of both topics from the start, and return how far behind their ends it is."""
        places: dict[Place, TopicPartition] = {}
        for name in _FOLLOWED:
            topic = topic_name(self._settings, name)
            found = consumer.list_topics(topic, _METADATA_SECONDS).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            places |= {(name, number): TopicPartition(topic, number) for number in found.partitions}
        behind = Behind(consumer, {(tp.topic, tp.partition) for tp in places.values()}, _METADATA_SECONDS)
        self._places = places
        return behind

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


def _waiting(consumer: Consumer) -> Sequence[Message]:
    """Wait for a record; return it and those that are there already."""
    first = consumer.poll(_POLL_SECONDS)
    return [] if first is None else [first, *consumer.consume(_BATCH, 0)]
