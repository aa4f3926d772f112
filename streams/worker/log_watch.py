"""Compares the logs of topics with the checkpoints of a worker: at each restore, and regularly after it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from confluent_kafka import KafkaException

from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.fold.log_change import MEANINGS, LogChange
from watchkeeper.streams.fold.positions import Facts, Positions
from watchkeeper.streams.kafka.log_facts import LogFacts
from watchkeeper.streams.kafka.log_reader import LogReader, Place
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.stage import Stage
from watchkeeper.streams.topics.flow import TopicName
from watchkeeper.streams.topics.topics import TOPICS, topic_name

log = logging.getLogger("watchkeeper.log_watch")

LOOK_MS = 10_000
"""Milliseconds between two looks at the logs. Chosen by hand: how long a change stays unnoticed against load
on the broker. A look is four requests, whatever the number of partitions."""
CONFIRM_SECONDS = 1.0
"""Seconds before a log that seems cut off is looked at again. Chosen by hand: a new leader may report an end
that is too low for a moment."""
CONFIRM_TIMES = 3
"""Number of looks that must agree that a log is cut off. Chosen by hand."""
_RETRY_SECONDS = 1.0
"""Seconds before the broker is asked again. Chosen by hand: quick recovery against load."""
_threads = ThreadPoolExecutor(4, "logs")


class LogWatch:
    """Knows the topics of one worker, and looks at their logs.

    Args:
        settings: The settings of the worker.
        stages: The stages of the worker.
        metrics: They show what became of the logs.
        reader: Asks the broker; None: a new one.
    """

    def __init__(
        self,
        settings: Settings,
        stages: Sequence[Stage[Any]],
        metrics: Metrics,
        reader: LogReader | None = None,
    ) -> None:
        self.unread: dict[TopicName, int] = {}
        """Topic -> number of partitions that were added to it, and that nobody reads."""
        self._settings = settings
        self._reads = {stage.name: stage.reads for stage in stages}
        self._compacted = [topic_name(settings, name) for name, topic in TOPICS.items() if topic.compacted]
        self._metrics = metrics
        self._reader = reader or LogReader(settings)
        self._looked_ms = 0
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_exact(self) -> bool:
        """Return whether the broker gives exact ends of logs. The embedded one does not."""
        return self._reader.ends_are_exact

    def facts_for(self, stage: str, partition: int) -> Callable[[Positions], Awaitable[Facts]]:
        """Return a function that asks for the logs of a stage's partition, for `Keeper.begin`."""
        return partial(self._restore_facts, stage, partition)

    async def _restore_facts(self, stage: str, partition: int, positions: Positions) -> Facts:
        for _ in range(CONFIRM_TIMES):
            facts = self._of(stage, partition, await self._ask([(stage, partition)]))
            if not positions.is_cut(facts):
                break
            await asyncio.sleep(CONFIRM_SECONDS)
        return facts

    def start(
        self,
        at_ms: int,
        keepers: Mapping[tuple[str, int], Keeper],
        now_ms: Callable[[], int],
        replace: Callable[[Keeper], Awaitable[None]],
        guard: Callable[[Awaitable[object]], Awaitable[None]],
    ) -> None:
        """Start a look in the background if one is due.

        Args:
            at_ms: The current time of the monotonic clock.
            keepers: The keepers of the worker.
            now_ms: Returns the current time, since 1970.
            replace: Called with each keeper whose log has changed.
            guard: Runs a step of the worker, and handles its errors.
        """
        if at_ms - self._looked_ms < LOOK_MS or (self._looking is not None and not self._looking.done()):
            return
        self._looked_ms = at_ms
        self._looking = asyncio.create_task(_as_task(guard(self.look(keepers, now_ms, replace))))

    async def look(
        self,
        keepers: Mapping[tuple[str, int], Keeper],
        now_ms: Callable[[], int],
        replace: Callable[[Keeper], Awaitable[None]],
    ) -> None:
        """Look at the logs of all keepers once. See `start` for the arguments."""
        changed = dict(keepers)
        for attempt in range(CONFIRM_TIMES):
            if attempt:
                await asyncio.sleep(CONFIRM_SECONDS)
            changed = {key: keeper for key, keeper in changed.items() if keepers.get(key) is keeper}
            before = {key: self._positions(key, keeper) for key, keeper in changed.items()}
            found = await self._ask(list(changed))
            changed = {
                key: keeper
                for key, keeper in changed.items()
                if keeper.positions.look(self._of(*key, found), before[key], now_ms())
            }
            if not changed:
                break
        for key, keeper in changed.items():
            if keepers.get(key) is keeper:
                await replace(keeper)
        for keeper in keepers.values():
            self.report(keeper)
        await self._count_partitions()

    def report(self, keeper: Keeper) -> None:
        """Log the changes that a keeper has found, and show the account of its logs."""
        changes, keeper.positions.changes = keeper.positions.changes, []
        for topic, change in changes:
            log.error("%s", sentence(keeper.source, topic, change))
        if changes:
            keeper.touch()
        self._metrics.logs.show(keeper.stage, keeper.partition, keeper.positions.logs)

    def _positions(self, key: tuple[str, int], keeper: Keeper) -> dict[str, int]:
        return {topic: keeper.position(topic) for topic in self._reads[key[0]]}

    def _of(self, stage: str, partition: int, found: Mapping[Place, LogFacts]) -> Facts:
        places = {topic: (topic_name(self._settings, topic), partition) for topic in self._reads[stage]}
        return {topic: found[place] for topic, place in places.items() if place in found}

    async def _ask(self, keys: Iterable[tuple[str, int]]) -> dict[Place, LogFacts]:
        names = [(topic_name(self._settings, topic), n) for stage, n in keys for topic in self._reads[stage]]
        found: dict[Place, LogFacts] = await self._in_thread(
            partial(self._reader.facts, names, self._compacted)
        )
        return found

    async def _count_partitions(self) -> None:
        names = {
            topic_name(self._settings, topic): topic for reads in self._reads.values() for topic in reads
        }
        found = await self._in_thread(partial(self._reader.partitions, names))
        for name, topic in names.items():
            _, count = found.get(name, ("", 0))
            more = max(0, count - self._settings.partitions)
            if more and self.unread.get(topic) != more:
                log.error("%s", unread_sentence(name, count, self._settings.partitions))
            self.unread[topic] = more
            self._metrics.logs.show_unread(topic, more)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(_threads, work)
            except KafkaException as error:
                log.warning("trying again to look at the logs: %s", error.args[0].str())
            await asyncio.sleep(_RETRY_SECONDS)


async def _as_task(work: Awaitable[None]) -> None:
    await work


def sentence(source: str, topic: str, change: LogChange) -> str:
    """Return what became of a log, for the log of a worker.

    >>> sentence("ingest/0", "labels", LogChange("overtaken", 9, 4, 9))[:70]
    'ingest/0: labels: records were deleted before they were read; reading '
    """
    lost = f"; offsets {change.lost_from} to {change.lost_to - 1} were not read, and are lost"
    again = f"; folded again: offsets {change.position} to {change.refold_to - 1}"
    return (
        f"{source}: {topic}: {MEANINGS[change.change]} (offset {change.position})"
        f"{lost if change.lost else ''}{again if change.refold_to else ''}"
    )


def unread_sentence(name: str, found: int, known: int) -> str:
    """Return that a topic has partitions that nobody reads.

    Args:
        name: The name of the topic on the broker.
        found: How many partitions it has.
        known: How many the settings know.
    """
    return (
        f"topic {name} has {found} partitions, but the settings say {known}: partitions {known} to "
        f"{found - 1} are not read; see docs/how-to/change-partitions.md"
    )
