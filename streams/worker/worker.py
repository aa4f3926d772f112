"""One worker: its agents, and a keeper for each stage and partition that is assigned to it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from faust.types import TP

from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold.checkpoint import UnreadableCheckpoint
from watchkeeper.streams.fold.formats import NewerFormat
from watchkeeper.streams.fold.keeper import Keeper, Superseded
from watchkeeper.streams.fold.outlet import KafkaOutlet, Sink
from watchkeeper.streams.fold.store import KafkaStore
from watchkeeper.streams.ingest.gate import RejectedShareHigh
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.stages import Stage
from watchkeeper.streams.topics.topics import topic_name
from watchkeeper.streams.worker.app import make_app
from watchkeeper.streams.worker.clock import SteadyClock, elapsed_ms
from watchkeeper.streams.worker.page_and_exit import page_and_exit
from watchkeeper.streams.worker.pauses import Lapses
from watchkeeper.streams.worker.shutdown import give_up
from watchkeeper.streams.worker.stage_metrics import Alerting, named, observe_ingest

log = logging.getLogger("watchkeeper.worker")

TICK_SECONDS = 0.1
FOLD_TICK_MS = 1000
HURRY_MS = 50
LAST_SAVE_SECONDS = 2.5
VOID_MS = 1000
UNSAVED_CHUNKS_MAX = 64
SAYING_ALL = NewerFormat, UnreadableCheckpoint, Unrecoverable


class Worker:
    """Holds the keepers of one process and connects them to Faust."""

    def __init__(
        self,
        settings: Settings,
        stages: Sequence[Stage],
        sinks: Mapping[str, Sink],
        metrics: Metrics,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        self.settings = settings
        self.app = make_app(settings)
        self.keepers: dict[tuple[str, int], Keeper] = {}
        self._metrics = metrics
        self._alerting = Alerting(metrics)
        self._clock_ms = clock_ms or SteadyClock()
        self._lapses = Lapses(round(settings.session_timeout_seconds * 1000))
        self._lapses.watch()
        self._generation = -1
        self._store = KafkaStore(settings)
        self._void_until_ms: dict[int, int] = {}
        self._sinks = sinks
        self._stopping = False
        self._outlet = KafkaOutlet(settings, sinks)
        self._topics = {
            topic_name(settings, topic): (stage, topic) for stage in stages for topic in stage.topics
        }
        self._locks: dict[tuple[str, int], asyncio.Lock] = {}
        self._restoring: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._saving: dict[Keeper, asyncio.Task[None]] = {}
        self._folds_ticked_ms = 0
        self._connect()

    def _connect(self) -> None:
        for name, (stage, topic) in self._topics.items():
            channel = self.app.topic(name, value_type=bytes, key_type=bytes)
            self.app.agent(channel, name=f"{stage.name}-{topic}", concurrency=1)(self._agent(stage, topic))
        self.app.task(self._tick_for_ever)
        self.app.on_partitions_revoked.connect(self._on_revoked, weak=False)
        self.app.on_before_shutdown.connect(self._on_shutdown, weak=False)

    def _agent(self, stage: Stage, topic: str) -> Callable[[Any], Awaitable[None]]:
        async def fold_chunks(stream: Any) -> None:
            chunks: AsyncIterator[Any] = stream.noack().events()
            async for chunk in chunks:
                await self._guard(self._take(stage, topic, chunk))

        return fold_chunks

    async def _guard(self, work: Awaitable[object]) -> None:
        """Run a step; what can't go on ends the process before any ack, so nothing is lost."""
        try:
            await work
        except Superseded as error:
            if not self._stopping:
                self._void(error)
        except asyncio.CancelledError:
            raise
        except RejectedShareHigh as error:
            self._stopping = True
            await page_and_exit(error, self.settings, self._sinks["notify"], self._clock_ms())
        except BaseException as error:
            known = isinstance(error, SAYING_ALL)
            give_up("%s", error if known else f"a stage met an error: {error!r}", exc_info=not known)

    def _void(self, error: Superseded) -> None:
        """Forget the state of a partition that another worker has taken; ask for it again in a while.

        If the other one is the rightful owner, the group will tell us before; if it was a frozen worker that
        woke up, the partition is ours again by then.
        """
        log.warning("partition %s: another worker has taken it, the state here is void", error.partition)
        for key in [key for key in self.keepers if key[1] == error.partition]:
            self._forget(key)
        self._store.drop(error.partition)
        self._void_until_ms[error.partition] = elapsed_ms() + VOID_MS

    def _forget(self, key: tuple[str, int]) -> None:
        del self.keepers[key]
        self._metrics.forget(*key)

    async def _take(self, stage: Stage, topic: str, chunk: Any) -> None:
        message = chunk.message
        if message.generation_id != self.app.consumer_generation_id:
            return  # of an assignment that is over: it is delivered again to whoever owns it
        keeper = await self._wait_for_keeper(stage, message.partition)
        if keeper is None or message.generation_id != self.app.consumer_generation_id:
            return
        began = time.perf_counter()
        rows = await keeper.take(topic, message.value, chunk.ack, self._clock_ms())
        # The records are folded: what waits to be acknowledged must not hold them for as long as that takes.
        chunk.value = message.value = None
        keeper.progressed_ms = elapsed_ms()
        seconds = time.perf_counter() - began
        self._metrics.observe_chunk(stage.name, topic, message.partition, rows, seconds)
        await self._save_if_due(keeper)

    async def _wait_for_keeper(self, stage: Stage, partition: int) -> Keeper | None:
        """Return the keeper, or None once the group has a new generation; a void partition is waited for."""
        generation = self.app.consumer_generation_id
        while generation == self.app.consumer_generation_id:
            keeper = await self._keeper(stage, partition)
            if keeper is not None:
                return keeper
            await asyncio.sleep(TICK_SECONDS)
        return None

    async def _keeper(self, stage: Stage, partition: int) -> Keeper | None:
        """Return the keeper, restored from its checkpoint; None while the partition is not ours."""
        self._enter(self.app.consumer_generation_id)
        key = (stage.name, partition)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key in self.keepers or elapsed_ms() < self._void_until_ms.get(partition, 0):
                return self.keepers.get(key)
            if not self._is_ours(stage, partition):
                return None  # whoever asks does so for an assignment that is over
            generation, store, lapses = self._generation, self._store, self._lapses.count()
            current = partial(self._is_current, generation, store, lapses)
            keeper = Keeper(stage.name, partition, stage.fold(partition), store, self._outlet, current)
            await keeper.begin(elapsed_ms())
            if partition in self._void_until_ms:
                await keeper.catch_up(stage.topics, self._clock_ms(), partial(self._acknowledge, partition))
            if self.app.consumer_generation_id != generation or not store.holds(partition, keeper.fence):
                return None
            self.keepers[key] = keeper
            return keeper

    def _is_current(self, generation: int, store: KafkaStore, lapses: int) -> bool:
        same = self.app.consumer_generation_id == generation and store is self._store
        return bool(same and lapses == self._lapses.count() and not self._stopping)

    def _is_ours(self, stage: Stage, partition: int) -> bool:
        assigned = {(tp.topic, tp.partition) for tp in self.app.consumer.assignment()}
        return any((topic_name(self.settings, topic), partition) in assigned for topic in stage.topics)

    def _acknowledge(self, partition: int, topic: str, offset: int) -> None:
        self.app.consumer.acknowledge(TP(topic_name(self.settings, topic), partition), offset)

    def _enter(self, generation: int) -> None:
        """Begin a new generation with nothing: state and fences of the one before may not be ours."""
        if generation == self._generation:
            return
        for key in list(self.keepers):
            self._forget(key)
        self._generation = generation
        log.info("generation %s: %s", generation, named(self.app.consumer.assignment()))
        self._store = KafkaStore(self.settings)
        self._void_until_ms.clear()

    async def _save_if_due(self, keeper: Keeper) -> None:
        """Begin to save if it is time; wait only for a keeper that has too much unsaved."""
        if not keeper.due(elapsed_ms(), round(self.settings.checkpoint_seconds * 1000), HURRY_MS):
            return
        saving = self._saving.get(keeper)
        if saving is None:
            saving = asyncio.create_task(self._guard(self._save(keeper)))
            self._saving[keeper] = saving
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
            return  # of a generation that is over: what is kept now has nothing to do with it
        keeper.progressed_ms = elapsed_ms()
        if delivered is None:
            self._metrics.observe_saved(keeper.stage, keeper.partition)
            return
        seconds = time.perf_counter() - began
        self._metrics.observe_checkpoint(keeper.stage, keeper.partition, seconds, keeper.size_bytes)
        self._metrics.observe_outputs(keeper.stage, keeper.partition, delivered)
        if isinstance(keeper.fold, IngestFold):
            observe_ingest(self._metrics, keeper.partition, keeper.fold)

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
                self._alerting.observe(keeper.partition, keeper.fold)
                if not keeper.unsaved_chunks and keeper not in self._saving:
                    self._metrics.observe_saved(keeper.stage, keeper.partition)
            for tp in assigned:
                self._follow_lag(tp, now_ms)
        for keeper in list(self.keepers.values()):
            await self._save_if_due(keeper)

    def _restore(self, stage: Stage, partition: int) -> None:
        """See that a partition is restored, beside the others: none of them waits for it."""
        key = (stage.name, partition)
        if key not in self.keepers and key not in self._restoring:
            self._restoring[key] = asyncio.create_task(self._guard(self._keeper(stage, partition)))
            self._restoring[key].add_done_callback(lambda _: self._restoring.pop(key, None))

    @property
    def broker_silence_ms(self) -> int:
        """For how long no broker has answered."""
        silence_ms: int = self.app.consumer.silence_ms
        return silence_ms

    @property
    def unrestored(self) -> set[tuple[str, int]]:
        """The stages and partitions that are assigned and do not work yet."""
        assigned = [tp for tp in self.app.consumer.assignment() if tp.topic in self._topics]
        return {(self._topics[tp.topic][0].name, tp.partition) for tp in assigned} - self.keepers.keys()

    def _follow_lag(self, tp: Any, now_ms: int) -> None:
        stage, topic = self._topics[tp.topic]
        keeper = self.keepers.get((stage.name, tp.partition))
        ends = self.app.consumer.end_offsets(tp)
        if keeper is None:
            return
        if ends is None:
            keeper.waiting.pop(topic, None)
            if isinstance(keeper.fold, IngestFold):
                keeper.fold.out_of_sight(topic)
            return
        at = self.app.consumer.next_offset(tp, keeper.position(topic))
        # Of an open transaction nobody knows yet whether it counts: it is lag, and the end is not reached.
        keeper.waiting[topic], lag = (max(0, end - at) for end in ends)
        self._metrics.observe_lag(stage.name, topic, tp.partition, lag)
        if lag == 0 and isinstance(keeper.fold, IngestFold):
            keeper.fold.caught_up(topic, now_ms)

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        await self._save_all()

    _on_shutdown = _on_revoked

    async def _save_all(self) -> None:
        """Save once more, so that little is read again; leaving it undone loses nothing."""
        saves = (self._save(keeper) for keeper in list(self.keepers.values()))
        try:
            async with asyncio.timeout(LAST_SAVE_SECONDS):
                await asyncio.gather(*saves, return_exceptions=True)
        except TimeoutError:
            log.warning(
                "the last checkpoint did not finish in %s s: the next worker reads a little more again",
                LAST_SAVE_SECONDS,
            )
