"""Measures, after each fault, the time until all records published by then are folded and saved."""

import threading
import time
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

POLL_SECONDS = 0.25
THE_END = "the end of the stream"
FOLLOWED = ("predictions", "labels", "features", "profiles", "findings", "alerts")
Places = dict[tuple[str, int], int]


class Recovery(NamedTuple):
    """The recovery from one fault."""

    what: str
    seconds: float


class Recoveries:
    """Follows the group's committed offsets, which are committed after the checkpoints."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        group = settings.topic_prefix + settings.application
        quiet = {"group.id": group, "log_level": 0, "error_cb": lambda _: None}
        self._consumer = Consumer(settings.client_config() | quiet)  # it only queries and joins no group
        self._waiting: list[tuple[str, float, Places]] = []
        self._lock = threading.Lock()
        self._running = True
        self.seen: list[Recovery] = []
        self._thread = threading.Thread(target=self._run, name="recoveries", daemon=True)
        self._thread.start()

    def expect(self, what: str, ends: Places) -> None:
        """Start to measure the time until everything up to these ends is saved."""
        with self._lock:
            self._waiting.append((what, time.monotonic(), ends))

    def committed(self) -> Places:
        """Return the group's committed offsets; empty if no broker answers."""
        wanted = [
            TopicPartition(topic_name(self._settings, topic), number)
            for topic in FOLLOWED
            for number in range(self._settings.partitions)
        ]
        try:
            found = self._consumer.committed(wanted, timeout=5)
        except KafkaException:
            return {}
        return {(part.topic, part.partition): part.offset for part in found if part.offset >= 0}

    def reached(self, ends: Places) -> bool:
        """Whether everything up to these ends (of logical topics) is saved."""
        return self._is_past(self.committed(), ends)

    def _is_past(self, committed: Places, ends: Places) -> bool:
        return all(
            committed.get((topic_name(self._settings, topic), number), 0) >= end
            for (topic, number), end in ends.items()
        )

    def _run(self) -> None:
        while self._running:
            committed = self.committed()
            now = time.monotonic()
            with self._lock:
                for wait in list(self._waiting):
                    what, began, ends = wait
                    if committed and self._is_past(committed, ends):
                        self._waiting.remove(wait)
                        self.seen.append(Recovery(what, now - began))
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Stop."""
        self._running = False
        self._thread.join(10)
        self._consumer.close()
