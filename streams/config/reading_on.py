"""Holds a chunk of events back until the configuration is read up to the time at which they were appended.

Events and monitors are on different topics, and which of them a worker reads first depends on chance. So a
worker must not call a subject unknown before it has read every monitor that was published before its event.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.fold.protocol import Record

__all__ = ["Hold", "NamesSubjects"]

log = logging.getLogger("watchkeeper.configuration")

CLOCKS_DIFFER_MS = 5_000
"""How many ms the broker's clock may be behind the worker's. Chosen by hand: NTP keeps clocks closer."""
REVISIONS_MS = 4_000
"""How many ms the configuration in force may be older than events of known subjects. Chosen by hand: less
than `MARGIN_MS` of streams/config/changing.py, the shortest time from publishing a change to its effect."""
WAIT_SECONDS = 10.0
"""Longest time in seconds to hold a chunk back. Chosen by hand: a new leader is found in less. A longer
outage of the configuration must not stop the monitors that are known."""
RETRY_MS = 10_000
"""Time in ms after a wait in vain in which no chunk waits. Chosen by hand: events flow during an outage."""
_LOG_APPEND_TIME = 1
"""The timestamp type of records whose timestamp is the broker's, in Kafka's protocol."""


class NamesSubjects(Protocol):
    """A fold that can tell whether a chunk names a subject without a monitor."""

    def has_unwatched(self, topic: str, records: Sequence[Record]) -> bool:
        """Return whether a chunk has events of subjects without a monitor."""
        ...


class Hold:
    """Holds chunks back for all partitions of a worker, at most one request to the broker at a time.

    Known subjects only need a configuration that is not older than a few seconds, because a change takes
    effect ten seconds after it is published. So a busy worker asks the broker every few seconds, and an idle
    one never.

    Args:
        registry: The configuration.
        clock_ms: Returns the current time, since 1970.
        wait_seconds: The longest time to hold a chunk back.
    """

    def __init__(
        self, registry: Registry, clock_ms: Callable[[], int], wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._registry = registry
        self._clock_ms = clock_ms
        self._wait_seconds = wait_seconds
        self._lock = asyncio.Lock()
        self._waits_from_ms = 0
        """After a wait in vain, the time before which no chunk waits."""

    async def until_read(self, fold: NamesSubjects, topic: str, records: Sequence[Record]) -> None:
        """Return once the chunk can be folded with the configuration that was in force when it was appended.

        Args:
            fold: The fold of the chunk's partition.
            topic: The topic of the chunk, without the prefix.
            records: The chunk.
        """
        if not records:
            return
        now_ms = self._clock_ms()
        appended_ms = _appended_ms(records[-1], now_ms)
        read_ms = self._registry.progress.up_to_ms
        if read_ms > appended_ms + CLOCKS_DIFFER_MS:
            return
        if read_ms < appended_ms - REVISIONS_MS or fold.has_unwatched(topic, records):
            await self._read_on(now_ms)

    async def _read_on(self, since_ms: int) -> None:
        async with self._lock:
            asked_ms = self._clock_ms()
            if self._registry.progress.up_to_ms >= since_ms or asked_ms < self._waits_from_ms:
                return  # The chunk before has asked for this one, too; or it has just waited in vain.
            if await asyncio.to_thread(self._registry.read_on, asked_ms, self._wait_seconds):
                return
            self._waits_from_ms = self._clock_ms() + RETRY_MS
            log.warning(
                "monitors and references can't be read up to now; going on with those that are known. Events "
                "of new subjects are rejected until then: replay them with `watchkeeper rejected replay`"
            )


def _appended_ms(record: Record, now_ms: int) -> int:
    """Return the time at which a record was appended; the time of reading if only its producer knows it."""
    if getattr(record, "timestamp_type", None) != _LOG_APPEND_TIME:
        return now_ms
    return min(record.timestamp, now_ms)
