"""Publishes the known stream at its pace, despite all faults of the brokers."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Message

from tests.faults.neighbours import doubled, last_rows, neighbours
from tests.faults.oracle import EVENTS
from tests.faults.stream import FAR_MINUTES, MINUTES, Event, closing, stream
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS, topic_name

POISON = [b"", b"\x00", b"\xff" * 40, b"{", b"[[[[[", b'{"model": "risk"}', b"\x93\x01\x02", b"9" * 5000]
REPEATED = 200
LOST_SHARE = 0.9
"""The share of rows that a publisher of the model `traffic` loses."""

Traffic = Callable[[Event], list[Event]]
"""What is published instead of one event of the model `traffic`."""


class Publisher:
    """A thread that publishes the stream of a seed and tracks progress by partition."""

    def __init__(self, settings: Settings, seed: int, seconds: float) -> None:
        self._settings = settings
        self._events = sorted([*stream(seed), *neighbours(seed)], key=lambda event: event.minute)
        self._source = random.Random(f"publisher {seed}")  # noqa: S311
        self._seconds_per_minute = seconds / MINUTES
        self._producer = producer(settings, **{"message.timeout.ms": 0, "log_level": 0, "linger.ms": 20})
        self._lock = threading.Lock()
        self._stalled_until = 0.0
        self._extra: list[Event] = []
        self._held: list[Event] = []
        self._held_until: dict[str, float] = {}
        self._traffic: Traffic = lambda event: [event]
        self._done = 0
        self.delivered: dict[tuple[str, int], int] = {}
        """The offset after the last record that the broker acknowledged."""
        self.published: Counter[str] = Counter()
        self.thread = threading.Thread(target=self._run, name="publisher")

    def stall(self, seconds: float) -> None:
        """Publish nothing for a while, then catch up."""
        self._stalled_until = time.monotonic() + seconds

    def repeat(self) -> None:
        """Publish the last events again, in another order."""
        with self._lock:
            again = self._events[max(0, self._done - REPEATED) : self._done]
            self._extra += self._source.sample(again, len(again))

    def poison(self) -> None:
        """Produce a record that cannot be decoded to every topic."""
        keys = {"monitors": "poison", "references": "poison", "checkpoints": "poison"}
        with self._lock:
            for topic in TOPICS:
                value = self._source.choice(POISON)
                self._extra.append(Event(0.0, topic, keys.get(topic, f"x{self._source.random()}"), value))

    def also(self, make: Callable[[float, random.Random], Iterable[Event]]) -> None:
        """Publish more events, made for the current minute of the stream."""
        minute = self._events[min(self._done, len(self._events) - 1)].minute
        with self._lock:
            self._extra += make(minute, self._source)

    def hold(self, topic: str, seconds: float) -> None:
        """Publish the events of one topic only after a while, in order; those of the others go on."""
        self._held_until[topic] = time.monotonic() + seconds

    def lose_traffic(self) -> None:
        """Publish only some of the rows of the model `traffic` from now on."""
        self._traffic = lambda event: [event] if self._source.random() > LOST_SHARE else []

    def double_traffic(self) -> None:
        """Publish twice as many rows of the model `traffic` from now on."""
        self._traffic = lambda event: [event, doubled(event, self._source)]

    def usual_traffic(self) -> None:
        """Publish the rows of the model `traffic` as they are, from now on."""
        self._traffic = lambda event: [event]

    def ends(self) -> dict[tuple[str, int], int]:
        """Return how far each partition of the event topics has been published."""
        return {place: end for place, end in self.delivered.items() if place[0] in EVENTS}

    def _run(self) -> None:
        began = time.monotonic()
        for event in self._events:
            due = began + event.minute * self._seconds_per_minute
            while (left := max(due, self._stalled_until) - time.monotonic()) > 0:
                self._producer.poll(min(left, 0.05))
            for each in self._traffic(event) if event.key.startswith("traffic-") else [event]:
                self._send_unless_held(each)
            self._done += 1
            self._send_extra()
        self._held_until.clear()
        self._send_held()
        self._send_extra()
        keys = keys_by_partition(self._settings.partitions)
        for event in [*closing(keys), *last_rows(keys, MINUTES + FAR_MINUTES)]:
            self._send(event)
        assert self._producer.flush(120) == 0, "the broker did not accept the end of the stream"

    def _send_unless_held(self, event: Event) -> None:
        if self._held and all(until <= time.monotonic() for until in self._held_until.values()):
            self._send_held()
        if self._held_until.get(event.topic, 0.0) > time.monotonic():
            self._held.append(event)
        else:
            self._send(event)

    def _send_held(self) -> None:
        held, self._held = self._held, []
        for event in held:
            self._send(event)

    def _send_extra(self) -> None:
        with self._lock:
            extra, self._extra = self._extra, []
        for event in extra:
            self._send(event)

    def _send(self, event: Event) -> None:
        while True:
            try:
                self._producer.produce(
                    topic_name(self._settings, event.topic),
                    event.value,
                    event.key,
                    headers=list(event.headers),
                    on_delivery=lambda error, message: self._note(event.topic, error, message),
                )
            except BufferError:
                self._producer.poll(0.05)
            else:
                self.published[event.topic] += 1
                return

    def _note(self, topic: str, error: Any, message: Message) -> None:
        assert error is None, f"not published: {error}"
        place, offset = (topic, message.partition()), message.offset()
        if offset is not None:  # unknown if a retry found the record already stored
            self.delivered[place] = max(offset + 1, self.delivered.get(place, 0))


def keys_by_partition(partitions: int) -> dict[int, str]:
    """Find a key for each partition."""
    keys: dict[int, str] = {}
    number = 0
    while len(keys) < partitions:
        key = f"end{number}"
        keys.setdefault(murmur2_partition(key.encode(), partitions), key)
        number += 1
    return keys


def murmur2_partition(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's default partitioner assigns to a key."""
    from aiokafka.partitioner import murmur2

    return int(murmur2(key) & 0x7FFFFFFF) % partitions
