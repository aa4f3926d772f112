"""Folds a chunk in parts, so that other work of the event loop runs in between.

A chunk may take long: thousands of records, of hundreds of models. Meanwhile nothing else runs in the loop:
no heartbeat of the probes, no other stage, no save. So a chunk is divided where folding is slow.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.worker.clock import elapsed_ms

PART_SECONDS = 0.25
"""Seconds that folding one part may take. Chosen by hand: a larger number delays the other stages, a smaller
one loses the speed of large chunks."""
RECORDS_MAX = 1 << 20
"""Most records of one part. Chosen by hand: more than one fetch holds, so fast folds get whole chunks."""


class Pace:
    """How many records of each source to fold at once, from how long the last ones took.

    >>> pace = Pace()
    >>> pace.note("ingest/0", records=1000, seconds=5.0)
    >>> pace.size("ingest/0"), pace.size("ingest/1") == RECORDS_MAX
    (50, True)
    >>> pace.note("ingest/0", records=50, seconds=0.01)  # it is fast again
    >>> pace.size("ingest/0")
    100
    """

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def size(self, source: str) -> int:
        """Return the number of records to fold at once."""
        return self._sizes.get(source, RECORDS_MAX)

    def note(self, source: str, records: int, seconds: float) -> None:
        """Learn from one part.

        Args:
            source: The stage and partition.
            records: The number of records in the part.
            seconds: How long folding took.
        """
        if seconds > PART_SECONDS:
            self._sizes[source] = max(1, int(records * PART_SECONDS / seconds))
        elif source in self._sizes:
            self._sizes[source] = min(RECORDS_MAX, 2 * self._sizes[source])


class Parts:
    """Folds the chunks of one worker.

    Args:
        app: The Faust app. It knows the current generation of the group.
        clock_ms: Returns the current time, since 1970.
        metrics: The metrics of the worker.
    """

    def __init__(self, app: Any, clock_ms: Callable[[], int], metrics: Metrics) -> None:
        self._app = app
        self._clock_ms = clock_ms
        self._metrics = metrics
        self._pace = Pace()

    async def fold(self, keeper: Keeper, topic: str, chunk: Any) -> AsyncIterator[None]:
        """Fold a chunk, and yield after each part. It ends early if the group has a new generation.

        Args:
            keeper: The keeper of the chunk's partition.
            topic: The topic of the chunk, without the prefix.
            chunk: Faust's event. Its records are freed: the event stays in memory until it is acknowledged.
        """
        message = chunk.message
        records, chunk.value, message.value = message.value, None, None
        while records and message.generation_id == self._app.consumer_generation_id:
            size = self._pace.size(keeper.source)
            part, records = (records[:size], records[size:]) if size < len(records) else (records, [])
            began = time.perf_counter()
            rows = await keeper.take(topic, part, _nothing if records else chunk.ack, self._clock_ms())
            seconds = time.perf_counter() - began
            keeper.progressed_ms = elapsed_ms()
            self._pace.note(keeper.source, len(part), seconds)
            place = keeper.stage, topic, keeper.partition
            self._metrics.observe_chunk(*place, rows, seconds, part[-1].timestamp)
            del part
            yield
            await asyncio.sleep(0)  # a stream with buffered chunks never suspends by itself


def _nothing() -> None:
    """Acknowledge nothing: only the last part acknowledges its chunk."""
