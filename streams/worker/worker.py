"""One worker: its Faust agents, and a keeper for each assigned stage and partition."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from faust.types import TP

from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold.interfaces import Superseded
from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.fold.outlet import KafkaOutlet, Sink
from watchkeeper.streams.fold.store import KafkaStore
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.stage import Stage, check_stages
from watchkeeper.streams.topics.flow import PAGING_SINK, SinkName, TopicName
from watchkeeper.streams.topics.topics import topic_name
from watchkeeper.streams.worker.app import is_connecting, make_app
from watchkeeper.streams.worker.clock import SteadyClock, elapsed_ms
from watchkeeper.streams.worker.lag import follow_lag
from watchkeeper.streams.worker.log_watch import LogWatch
from watchkeeper.streams.worker.parts import Parts
from watchkeeper.streams.worker.pauses import Pauses
from watchkeeper.streams.worker.shutdown import give_up
from watchkeeper.streams.worker.stage_metrics import Observer, named
from watchkeeper.streams.worker.unnamed_rejections import UnnamedRejections

log = logging.getLogger("watchkeeper.worker")

TICK_SECONDS = 0.1
"""Seconds between two checks for assigned partitions and due saves. Chosen by hand: delay against load."""
FOLD_TICK_MS = 1000
"""Milliseconds between two calls of `Fold.tick`. Chosen by hand: delay against load."""
HURRY_MS = 50
"""Minimum milliseconds between two saves while outputs wait. Chosen by hand: a higher value delays pages."""
LAST_SAVE_SECONDS = 2.5
"""Seconds for the last saves. Chosen by hand: it must be less than `SHUTDOWN_SECONDS`."""
RETAKE_MS = 1000
"""Milliseconds before a worker retakes a partition that another worker took. Chosen by hand: see `_drop`."""
UNSAVED_CHUNKS_MAX = 64
"""Maximum unsaved chunks of a partition before folding waits for a save. Chosen by hand: it bounds memory."""


class Worker:
    """Holds the keepers of one process and connects them to Faust.

    Args:
        sinks: The destinations outside of Kafka, by name.
        clock_ms: Returns the current time, since 1970; None: a `SteadyClock`.
    """

    def __init__(
        self,
        settings: Settings,
        stages: Sequence[Stage[Any]],
        sinks: Mapping[SinkName, Sink],
        metrics: Metrics,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        check_stages(stages, sinks)
        self.settings = settings
        self.app = make_app(settings)
        self.keepers: dict[tuple[str, int], Keeper] = {}
        """(Stage, partition) -> keeper, for all restored partitions."""
        self._metrics = metrics
        self._observer = Observer(metrics, stages)
        self.log_watch = LogWatch(settings, stages, metrics)
        self._clock_ms = clock_ms or SteadyClock()
        self._pauses = Pauses(round(settings.session_timeout_seconds * 1000))
        self._pauses.watch()
        self._generation = -1
        self._store = KafkaStore(settings)
        self._retake_at_ms: dict[int, int] = {}
        self._sinks = sinks
        self._stopping = False
        self._outlet = KafkaOutlet(settings, sinks)
        self._topics: dict[str, tuple[Stage[Any], TopicName]] = {
            topic_name(settings, topic): (stage, topic) for stage in stages for topic in stage.reads
        }
        self._locks: dict[tuple[str, int], asyncio.Lock] = {}
        self._restoring: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._saving: dict[Keeper, asyncio.Task[None]] = {}
        self._folds_ticked_ms = 0
        self._parts = Parts(self.app, self._clock_ms, metrics)
        self._rejections = UnnamedRejections(settings, sinks[PAGING_SINK].deliver)
        self._connect()

    def _connect(self) -> None:
        for name, (stage, topic) in self._topics.items():
            channel = self.app.topic(name, value_type=bytes, key_type=bytes)
            self.app.agent(channel, name=f"{stage.name}-{topic}", concurrency=1)(self._agent(stage, topic))
        self.app.task(self._tick_for_ever)
        self.app.on_partitions_revoked.connect(self._save_all, weak=False)
        self.app.on_before_shutdown.connect(self._on_shutdown, weak=False)

    def _agent(self, stage: Stage[Any], topic: str) -> Callable[[Any], Awaitable[None]]:
        async def fold_chunks(stream: Any) -> None:
            async for chunk in stream.noack().events():
                await self._guard(self._take(stage, topic, chunk))

        return fold_chunks

    async def _guard(self, work: Awaitable[object]) -> None:
        """Run a step. An unrecoverable error ends the process before any acknowledgement: nothing is lost."""
        try:
            await work
        except Superseded as error:
            if not self._stopping:
                self._drop(error)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if isinstance(error, Unrecoverable):
                give_up("%s", error)
            give_up("a stage met an error: %r", error, exc_info=True)

    def _drop(self, error: Superseded) -> None:
        """Drop the state of a partition that another worker has taken, and retake it after `RETAKE_MS`.

        By then, the group has revoked the partition here; or the other worker was frozen and has lost it.
        """
        log.warning("partition %s: another worker has taken it; dropping the state", error.partition)
        for key in [key for key in self.keepers if key[1] == error.partition]:
            self._forget(key)
        self._store.drop(error.partition)
        self._retake_at_ms[error.partition] = elapsed_ms() + RETAKE_MS

    async def _replace(self, keeper: Keeper) -> None:
        """Save a keeper whose log has changed. The next one goes on where the log says."""
        await self._save(keeper)
        keeper.retire()
        if self.keepers.get(key := (keeper.stage, keeper.partition)) is keeper:
            self._forget(key)
            self._retake_at_ms[keeper.partition] = elapsed_ms()

    def _forget(self, key: tuple[str, int]) -> None:
        del self.keepers[key]
        self._observer.forget(*key)

    async def _take(self, stage: Stage[Any], topic: str, chunk: Any) -> None:
        partition, generation = chunk.message.partition, chunk.message.generation_id
        if (keeper := await self._wait_for_keeper(stage, partition, generation)) is not None:
            await stage.ready(keeper.fold, topic, chunk.message.value)
            keeper = await self._wait_for_keeper(stage, partition, generation)  # it may have been dropped
        if keeper is not None:
            async for _ in self._parts.fold(keeper, topic, chunk):
                await self._save_if_due(keeper)

    async def _wait_for_keeper(self, stage: Stage[Any], partition: int, generation: int) -> Keeper | None:
        """Return the keeper once the partition is restored; None once the group has another generation.

        The owner of the partition receives the chunk again then.
        """
        while generation == self.app.consumer_generation_id:
            if (keeper := await self._keeper(stage, partition)) is not None:
                return keeper
            await asyncio.sleep(TICK_SECONDS)
        return None

    async def _keeper(self, stage: Stage[Any], partition: int) -> Keeper | None:
        """Return the keeper, restored from its checkpoint; None while the partition is another worker's."""
        self._enter(self.app.consumer_generation_id)
        key = (stage.name, partition)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key in self.keepers or elapsed_ms() < self._retake_at_ms.get(partition, 0):
                return self.keepers.get(key)
            if not self._is_ours(stage, partition):
                return None  # The caller has a previous assignment.
            generation, store, pauses = self._generation, self._store, self._pauses.count()
            current = partial(self._is_current, generation, store, pauses)
            fold, allowed = stage.fold(partition), stage.flow.destinations
            facts = self.log_watch.facts_for(stage.name, partition)
            keeper = Keeper(stage.name, partition, fold, store, self._outlet, current, allowed, facts)
            await keeper.begin(elapsed_ms(), self._clock_ms())
            if partition in self._retake_at_ms:
                await keeper.catch_up(stage.reads, self._clock_ms(), partial(self._acknowledge, partition))
            if self.app.consumer_generation_id != generation or not store.holds(partition, keeper.fence):
                return None
            self.keepers[key] = keeper
            self.log_watch.report(keeper)
            return keeper

    def _is_current(self, generation: int, store: KafkaStore, pauses: int) -> bool:
        same = self.app.consumer_generation_id == generation and store is self._store
        return bool(same and pauses == self._pauses.count() and not self._stopping)

    def _is_ours(self, stage: Stage[Any], partition: int) -> bool:
        assigned = {(tp.topic, tp.partition) for tp in self.app.consumer.assignment()}
        return any((topic_name(self.settings, topic), partition) in assigned for topic in stage.reads)

    def _acknowledge(self, partition: int, topic: TopicName, offset: int) -> None:
        self.app.consumer.acknowledge(TP(topic_name(self.settings, topic), partition), offset)

    def _enter(self, generation: int) -> None:
        """Start a new generation without state: other workers may own the partitions of the previous one."""
        if generation == self._generation:
            return
        for key in list(self.keepers):
            self._forget(key)
        self._generation = generation
        log.info("generation %s: %s", generation, named(self.app.consumer.assignment()))
        self._store = KafkaStore(self.settings)
        self._retake_at_ms.clear()

    async def _save_if_due(self, keeper: Keeper) -> None:
        """Start a save if one is due. Wait for it only if the keeper has too many unsaved chunks."""
        if not keeper.due(elapsed_ms(), round(self.settings.checkpoint_seconds * 1000), HURRY_MS):
            return
        if (saving := self._saving.get(keeper)) is None:
            saving = self._saving[keeper] = asyncio.create_task(self._guard(self._save(keeper)))
            saving.add_done_callback(lambda _: self._saving.pop(keeper, None))
        if keeper.unsaved_chunks > UNSAVED_CHUNKS_MAX:
            await asyncio.wait([saving])

    async def _save(self, keeper: Keeper) -> None:
        began = time.perf_counter()
        try:
            delivered = await keeper.save(elapsed_ms())
        except Superseded:
            if self.keepers.get((keeper.stage, keeper.partition)) is keeper:
                raise
            return  # From a previous generation: the partition has another keeper now.
        keeper.progressed_ms = elapsed_ms()
        if delivered is None:
            self._metrics.observe_saved(keeper.stage, keeper.partition)
            return
        seconds = time.perf_counter() - began
        self._metrics.observe_checkpoint(keeper.stage, keeper.partition, seconds, keeper.size_bytes)
        self._metrics.observe_outputs(keeper.stage, keeper.partition, delivered)
        self._observer.saved(keeper.stage, keeper.partition, keeper.fold)
        self.log_watch.report(keeper)

    async def _tick_for_ever(self) -> None:
        while not self.app.should_stop:
            await asyncio.sleep(TICK_SECONDS)
            if not self.app.rebalancing:
                await self._guard(self._tick())

    async def _tick(self) -> None:
        assigned = [tp for tp in self.app.consumer.assignment() if tp.topic in self._topics]
        for tp in assigned:
            self._restore(self._topics[tp.topic][0], tp.partition)
        at_ms, now_ms = elapsed_ms(), self._clock_ms()
        if at_ms - self._folds_ticked_ms >= FOLD_TICK_MS:
            self._folds_ticked_ms = at_ms
            for keeper in self.keepers.values():
                keeper.fold.tick(now_ms)
                self._observer.look(keeper.stage, keeper.partition, keeper.fold)
                self._rejections.look(keeper.fold.rejected_shares(), now_ms)
                if not keeper.unsaved_chunks and keeper not in self._saving:
                    self._metrics.observe_saved(keeper.stage, keeper.partition)
            for tp in assigned:
                self._follow_lag(tp, now_ms)
        self.log_watch.start(at_ms, self.keepers, self._clock_ms, self._replace, self._guard)
        for keeper in list(self.keepers.values()):
            await self._save_if_due(keeper)

    def _restore(self, stage: Stage[Any], partition: int) -> None:
        """Start to restore a partition if it is not restored. Other partitions do not wait for it."""
        if (key := (stage.name, partition)) not in self.keepers.keys() | self._restoring.keys():
            self._restoring[key] = asyncio.create_task(self._guard(self._keeper(stage, partition)))
            self._restoring[key].add_done_callback(lambda _: self._restoring.pop(key, None))

    @property
    def broker_silence_ms(self) -> int:
        """Milliseconds since a broker last answered."""
        return int(self.app.consumer.silence_ms) if is_connecting(self.app) else 0

    @property
    def unrestored(self) -> set[tuple[str, int]]:
        """The assigned stages and partitions that are not restored yet."""
        if not is_connecting(self.app):
            return set()
        assigned = [tp for tp in self.app.consumer.assignment() if tp.topic in self._topics]
        return {(self._topics[tp.topic][0].name, tp.partition) for tp in assigned} - self.keepers.keys()

    def _follow_lag(self, tp: Any, now_ms: int) -> None:
        stage, topic = self._topics[tp.topic]
        if (keeper := self.keepers.get((stage.name, tp.partition))) is not None:
            follow_lag(keeper, topic, tp, self.app.consumer, self._metrics, now_ms, self.log_watch.is_exact)

    async def _on_shutdown(self, *_: Any, **__: Any) -> None:
        await self._save_all()
        for sink in self._sinks.values():
            await sink.close()

    async def _save_all(self, *_: Any, **__: Any) -> None:
        """Save once more, so that the next worker rereads little. A failed save loses nothing."""
        saves = (self._save(keeper) for keeper in list(self.keepers.values()))
        try:
            async with asyncio.timeout(LAST_SAVE_SECONDS):
                await asyncio.gather(*saves, return_exceptions=True)
        except TimeoutError:
            log.warning("the last save did not end in %s s: the next worker rereads more", LAST_SAVE_SECONDS)
