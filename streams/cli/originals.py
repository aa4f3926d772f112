"""Recovers rejected events as published: from the rejection, or from the topic if it kept only a part."""

from collections.abc import Generator
from typing import NamedTuple

from confluent_kafka import Message

from watchkeeper.schemas.rejections import KEPT_PART_BYTES, KEPT_VALUE_BYTES, Rejection
from watchkeeper.streams.kafka.client import BrokerError, headers_of, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import known_topic, topic_name

__all__ = ["Original", "Originals"]

_AHEAD = 1000
"""Records to skip by reading on. A larger gap starts a new reading at the wanted offset.

Chosen by hand: starting a new reading takes longer than to skip a few records.
"""
_PATIENCE_SECONDS = 10
"""Time in seconds to wait for a record. Chosen by hand: shorter loses records on a slow broker."""


class Original(NamedTuple):
    """An event as published."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Originals:
    """Finds events on their topics. Fast if requested in the order of their offsets."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._readers: dict[tuple[str, int], _Reader] = {}

    def of(self, rejection: Rejection) -> Original | None:
        """Return the whole event. None if only a part was kept and its topic no longer has the event."""
        if rejection.is_whole:
            return Original(rejection.key, rejection.value, list(rejection.headers))
        place = rejection.topic, rejection.partition
        reader = self._readers.get(place)
        if reader is None:
            reader = self._readers[place] = _Reader(self._settings, *place)
        message = reader.at(rejection.offset)
        if message is None or not _is_same(message, rejection):
            return None
        return Original(message.key(), message.value(), headers_of(message))

    def close(self) -> None:
        """Close all readers."""
        for reader in self._readers.values():
            reader.close()


class _Reader:
    """Reads one partition forward, and jumps to an offset if that is shorter."""

    def __init__(self, settings: Settings, topic: str, partition: int) -> None:
        self._settings = settings
        self._place = topic_name(settings, known_topic(topic)), partition
        self._messages: Generator[Message] | None = None
        self._next = 0

    def at(self, offset: int) -> Message | None:
        """Return the record at an offset, or None if it no longer exists."""
        if self._messages is None or not self._next <= offset < self._next + _AHEAD:
            self.close()
            self._messages = read_to_end(self._settings, *self._place, offset, _PATIENCE_SECONDS)
            self._next = offset
        try:
            for message in self._messages:
                if message.offset() < self._next:  # beyond the end, a broker starts at the beginning
                    break
                self._next = message.offset() + 1
                if message.offset() >= offset:
                    return message if message.offset() == offset else None
        except BrokerError:  # no response, or the topic no longer exists
            pass
        self.close()
        return None

    def close(self) -> None:
        """Close the reader."""
        if self._messages is not None:
            self._messages.close()
            self._messages = None


def _is_same(message: Message, rejection: Rejection) -> bool:
    """Return whether a record is the rejected event. A recreated topic reuses offsets for other events."""
    key = None if message.key() is None else message.key()[:KEPT_PART_BYTES]
    value = message.value() or b""
    kept = len(value), value[:KEPT_VALUE_BYTES], key
    return kept == (rejection.size_bytes, rejection.value, rejection.key)
