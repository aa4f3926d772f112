"""One worker process: the Faust app, its agents, and a keeper for each stage and partition assigned to it."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import faust

from streams import transport
from streams.fold import Record
from streams.keeper import Keeper, Superseded
from streams.outlet import KafkaOutlet, Sink
from streams.settings import Settings
from streams.stages import Stage
from streams.store import KafkaStore, records_of
from streams.topics import topic_name

log = logging.getLogger("watchkeeper.worker")

EXIT_UNRECOVERABLE = 70
TICK_SECONDS = 0.1
HURRY_MS = 50
LAST_SAVE_SECONDS = 3.0


def make_app(settings: Settings) -> faust.App:
    """Build the Faust app with the settings that keep what is promised; see docs/adr."""
    transport.register()
    return faust.App(
        settings.topic_prefix + settings.application,
        broker=f"{transport.SCHEME}://{settings.broker.replace(',', ';')}",
        broker_credentials=settings.faust_credentials(),
        value_serializer="raw",
        key_serializer="raw",
        # One standby keeps Faust's own assignor, which moves topics of equal partition count together.
        table_standby_replicas=1,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_buffer_maxsize=16,
        stream_wait_empty=False,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.session_timeout_seconds / 4,
        broker_request_timeout=max(30.0, 2 * settings.session_timeout_seconds),
        broker_rebalance_timeout=30.0,
        consumer_max_fetch_size=1 << 20,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        web_tables_enabled=False,
        web_router_enabled=False,
    )


class Worker:
    """Holds the keepers of one process and connects them to Faust."""

    def __init__(
        self,
        settings: Settings,
        stages: Sequence[Stage],
        sinks: Mapping[str, Sink],
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.settings = settings
        self.app = make_app(settings)
        self.keepers: dict[tuple[str, int], Keeper] = {}
        self._clock_ms = clock_ms
        self._store = KafkaStore(settings)
        self._outlet = KafkaOutlet(settings, sinks)
        self._topics = {
            topic_name(settings, topic): (stage, topic) for stage in stages for topic in stage.topics
        }
        self._locks: dict[tuple[str, int], asyncio.Lock] = {}
        self._ticked_ms = 0
        self._connect()

    def _connect(self) -> None:
        for name, (stage, topic) in self._topics.items():
            channel = self.app.topic(name, value_type=bytes, key_type=bytes)
            self.app.agent(channel, name=f"{stage.name}-{topic}", concurrency=1)(self._agent(stage, topic))
        self.app.task(self._tick_for_ever)
        self.app.on_partitions_revoked.connect(self._on_revoked, weak=False)
        self.app.on_before_shutdown.connect(self._on_shutdown, weak=False)

    def _agent(self, stage: Stage, topic: str) -> Callable[[Any], Any]:
        async def fold_chunks(stream: Any) -> None:
            chunks: AsyncIterator[Any] = stream.noack().events()
            async for chunk in chunks:
                await self._guard(self._take(stage, topic, chunk))

        return fold_chunks

    async def _guard(self, work: Any) -> None:
        """Run a step; what can't go on ends the process before any ack, so nothing is lost."""
        try:
            await work
        except Superseded as error:
            log.warning("another worker owns this now, its state here is void: %s", error)
        except asyncio.CancelledError:
            raise
        except BaseException:
            log.critical("unrecoverable: stopping before anything is acknowledged", exc_info=True)
            logging.shutdown()
            os._exit(EXIT_UNRECOVERABLE)

    async def _take(self, stage: Stage, topic: str, chunk: Any) -> None:
        message = chunk.message
        keeper = await self._keeper(stage, message.partition)
        if keeper is None or message.generation_id != self.app.consumer_generation_id:
            return  # of an assignment that is over: it is delivered again to whoever owns it
        records: list[Record] = records_of(message.value)
        now_ms = self._clock_ms()
        keeper.take(topic, records, chunk.ack, now_ms)
        await self._save_if_due(keeper)

    async def _keeper(self, stage: Stage, partition: int) -> Keeper | None:
        """Return the keeper, restored from its checkpoint; None if the partition was lost meanwhile."""
        key = (stage.name, partition)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self.keepers:
                generation = self.app.consumer_generation_id
                keeper = Keeper(
                    stage.name,
                    partition,
                    stage.fold(partition),
                    self._store,
                    self._outlet,
                    lambda: bool(self.app.consumer_generation_id == generation),
                )
                await keeper.begin(self._clock_ms())
                if self.app.consumer_generation_id != generation:
                    return None
                self.keepers[key] = keeper
            return self.keepers[key]

    async def _save_if_due(self, keeper: Keeper) -> None:
        now_ms = self._clock_ms()
        if keeper.due(now_ms, round(self.settings.checkpoint_seconds * 1000), HURRY_MS):
            await keeper.save(now_ms)

    async def _tick_for_ever(self) -> None:
        while not self.app.should_stop:
            await asyncio.sleep(TICK_SECONDS)
            if not self.app.rebalancing:
                await self._guard(self._tick())

    async def _tick(self) -> None:
        assigned = [tp for tp in self.app.consumer.assignment() if tp.topic in self._topics]
        for tp in assigned:
            await self._keeper(self._topics[tp.topic][0], tp.partition)
        now_ms = self._clock_ms()
        if now_ms - self._ticked_ms >= 1000:
            self._ticked_ms = now_ms
            for keeper in self.keepers.values():
                keeper.fold.tick(now_ms)
            for tp in assigned:
                self._tell_caught_up(tp, now_ms)
        await asyncio.gather(*(self._save_if_due(keeper) for keeper in list(self.keepers.values())))

    def _tell_caught_up(self, tp: Any, now_ms: int) -> None:
        stage, topic = self._topics[tp.topic]
        keeper = self.keepers.get((stage.name, tp.partition))
        end = self.app.consumer.highwater(tp)
        tell = getattr(keeper.fold, "caught_up", None) if keeper else None
        if keeper and tell and end is not None and end <= keeper.position(topic):
            tell(topic, now_ms)

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        await self._save_all()
        self.keepers.clear()
        self._store.drop()

    async def _on_shutdown(self, *_: Any, **__: Any) -> None:
        await self._save_all()

    async def _save_all(self) -> None:
        """Save once more, so that little is read again; leaving it undone loses nothing."""
        now_ms = self._clock_ms()
        saves = (keeper.save(now_ms) for keeper in list(self.keepers.values()))
        try:
            async with asyncio.timeout(LAST_SAVE_SECONDS):
                await asyncio.gather(*saves, return_exceptions=True)
        except TimeoutError:
            log.warning("the last checkpoint did not finish in %s s", LAST_SAVE_SECONDS)
