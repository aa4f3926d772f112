"""Publishes rejected events again. `docs/adr/0008-replay.md` explains why each counts once."""

import contextlib
import getpass
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from watchkeeper.schemas.rejections import REPLAY_HEADER, Rejection, Replay
from watchkeeper.streams.cli.originals import Original, Originals
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.fold.formats import SEQUENCE_HEADER, SOURCE_HEADER
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import INTERNAL_TOPICS
from watchkeeper.streams.topics.topics import is_topic, known_topic, topic_name

__all__ = ["Replayer", "SkippedEvent"]

BATCH = 500
"""Events that are published before their replays are recorded. Chosen by hand: fewer is slower, more repeats
more events after a crash.
"""
_SECONDS = 60
"""Time in seconds that the broker has for a request. Chosen by hand: shorter fails on a slow network."""
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
_GONE = "only a part of the event was kept, and its topic no longer has it"
_BATCH_UNREAD = "its batch of records can't be read; publish its events again"


class SkippedEvent(NamedTuple):
    """An event that can't be replayed, and the reason."""

    event: str
    why: str


class Replayer:
    """Replays rejected events. A newer replayer fences an older one, which then stops.

    Each batch is published first, and its replay is then recorded in `rejected`. After a crash in between,
    the next replayer publishes the batch again, and ingest drops the duplicates.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._originals = Originals(settings)
        self._by = f"{_user()}@{socket.gethostname()}"
        self._failure = ""
        self.replayed = 0
        self.left: list[SkippedEvent] = []
        timeouts = {"delivery.timeout.ms": _SECONDS * 1000, "log_level": 3}
        self._events: Producer = producer(settings, **timeouts)
        name = f"{settings.topic_prefix}{settings.application}-replay"
        self._recorder: Producer = producer(settings, **{"transactional.id": name, "log_level": 0})
        self._recorder.init_transactions(_SECONDS)

    def replay(self, rejections: Iterable[Rejection]) -> Iterator[int]:
        """Publish and record rejections in order. Yield the number of processed events after each batch."""
        waiting = iter(rejections)
        with contextlib.closing(self._originals):
            while batch := list(itertools.islice(waiting, BATCH)):
                published = self._publish(batch)
                self._record(published)
                self.replayed += len(published)
                yield len(batch)

    def _publish(self, batch: Sequence[Rejection]) -> list[Rejection]:
        """Publish the events that can be replayed, and return their rejections with the replay."""
        published: list[Rejection] = []
        for rejection in batch:
            if not is_topic(rejection.topic):
                self.left.append(SkippedEvent(rejection.name, f"there is no topic {rejection.topic}"))
                continue
            if rejection.reason == "unreadable" and rejection.topic not in INTERNAL_TOPICS:
                self.left.append(SkippedEvent(rejection.name, _BATCH_UNREAD))
                continue
            original = self._originals.of(rejection)
            if original is None:
                self.left.append(SkippedEvent(rejection.name, _GONE))
                continue
            self._produce(rejection, original, published)
        if self._events.flush(_SECONDS + 1) or self._failure:
            raise self._stopped(f"the broker did not accept an event ({self._failure or 'no response'})")
        return published

    def _produce(self, rejection: Rejection, original: Original, published: list[Rejection]) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failure = self._failure or error.str()
                return
            at_ms = time.time_ns() // 1_000_000
            replay = Replay(at_ms, self._by, message.offset())
            published.append(msgspec.structs.replace(rejection, replayed=replay))

        while not self._queued(rejection, original, delivered):
            self._events.poll(0.1)
        self._events.poll(0)

    def _queued(self, rejection: Rejection, original: Original, delivered: Callable[..., None]) -> bool:
        try:
            self._events.produce(
                topic_name(self._settings, known_topic(rejection.topic)),
                original.value,
                original.key,
                partition=rejection.partition,
                headers=replay_headers(rejection, original),
                on_delivery=delivered,
            )
        except BufferError:  # large events fill the queue
            return False
        except KafkaException as error:
            self._failure = self._failure or error.args[0].str()
        return True

    def _record(self, published: Sequence[Rejection]) -> None:
        try:
            self._recorder.begin_transaction()
            for rejection in published:
                value = msgspec.msgpack.encode(rejection)
                self._recorder.produce(topic_name(self._settings, "rejected"), value, rejection.name)
            self._recorder.commit_transaction(_SECONDS)
        except KafkaException as error:
            cause = error.args[0]
            if cause.code() in _FENCED:
                raise self._stopped("another `watchkeeper rejected replay` has started") from None
            raise self._stopped(f"the broker did not accept the record of a replay ({cause.str()})") from None

    def _stopped(self, why: str) -> UserError:
        return UserError(
            f"{self._settings.broker}: stopped after {self.replayed} events: {why}; "
            "run it again for the rest; published events do not count twice"
        )


def replay_headers(rejection: Rejection, original: Original) -> list[tuple[str, bytes]]:
    """Return the headers of a replay: those of the event, and last the name of the original.

    >>> rejected = Rejection("labels", 0, 7, "empty", "", 0, 0, None, b"", [])
    >>> replay_headers(rejected, Original(None, b"", [("ce_id", b"1"), (REPLAY_HEADER, b"labels/0/5")]))
    [('ce_id', b'1'), ('wk-replay-of', b'labels/0/7')]
    """
    internal = rejection.topic in INTERNAL_TOPICS
    dropped = {REPLAY_HEADER, SOURCE_HEADER, SEQUENCE_HEADER} if internal else {REPLAY_HEADER}
    headers = [(name, value) for name, value in original.headers if name not in dropped]
    if internal:  # a keeper counts each sequence number of a source once
        headers += [(SOURCE_HEADER, f"replay/{rejection.name}".encode()), (SEQUENCE_HEADER, b"1")]
    return [*headers, (REPLAY_HEADER, rejection.name.encode())]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have no name for its user
        return str(os.getuid())
