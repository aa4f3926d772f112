"""What a worker does with its keepers, without a broker: what they may send, what is observed, the end."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.fold.outlet import always
from watchkeeper.streams.fold.positions import Positions, no_facts
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.stages import stages
from watchkeeper.streams.topics.flow import FLOWS
from watchkeeper.streams.worker import worker as module
from watchkeeper.streams.worker.worker import Worker


class Held:
    """A store without checkpoints, whose partitions this worker holds."""

    async def load(self, stage: str, partition: int) -> tuple[None, str]:
        return None, "fence"

    def holds(self, partition: int, fence: str) -> bool:
        return True


class Heard:
    """A sink that notes its end."""

    def __init__(self, steps: list[str]) -> None:
        self._steps = steps

    async def deliver(self, messages: Any, is_current: Any = always) -> None: ...

    async def close(self) -> None:
        self._steps.append("closed")


@pytest.fixture
def steps() -> list[str]:
    return []


@pytest.fixture
def made(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Worker]]:
    """Make a worker to which a partition number of each stage is assigned."""
    workers: list[Worker] = []
    settings = Settings(broker="127.0.0.1:1")

    def make() -> Worker:
        bound = stages(settings, Registry.fixed({}))
        worker = Worker(settings, bound, {"notify": Heard(steps)}, Metrics(CollectorRegistry()), lambda: 0)
        workers.append(worker)
        worker._generation = worker.app.consumer_generation_id
        monkeypatch.setattr(worker, "_store", Held())
        monkeypatch.setattr(worker, "_is_ours", lambda *_: True)
        monkeypatch.setattr(worker.log_watch, "facts_for", lambda *_: no_facts)
        monkeypatch.setattr(worker.log_watch, "start", lambda *_: None)
        return worker

    yield make
    for worker in workers:
        worker._outlet.close()


def test_a_keeper_may_send_only_to_what_its_stage_declares(made: Callable[[], Worker]) -> None:
    async def restored() -> list[Any]:
        worker = made()
        bound = {stage.name: stage for stage, _ in worker._topics.values()}
        return [await worker._keeper(bound[flow.name], 0) for flow in FLOWS]

    keepers = asyncio.run(restored())
    assert [keeper._outbox._destinations for keeper in keepers] == [flow.destinations for flow in FLOWS]


def test_the_sinks_are_closed_after_the_last_save(made: Callable[[], Worker], steps: list[str]) -> None:
    async def save(at_ms: int) -> None:
        steps.append("saved")

    async def end() -> None:
        worker = made()
        positions = Positions()
        keeper: Any = SimpleNamespace(stage="notify", partition=0, save=save, positions=positions)
        worker.keepers["notify", 0] = keeper
        await worker._on_shutdown()

    asyncio.run(end())
    assert steps == ["saved", "closed"]


def test_folds_are_observed_on_each_tick_and_after_each_save(
    made: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []

    class Observed:
        def look(self, stage: str, number: int, fold: Any) -> None:
            seen.append(("look", stage))

        def saved(self, stage: str, number: int, fold: Any) -> None:
            seen.append(("saved", stage))

    async def turn() -> None:
        worker = made()
        monkeypatch.setattr(worker, "_observer", Observed())
        monkeypatch.setattr(type(worker.app.consumer), "assignment", lambda _: set())
        stage = next(stage for stage, _ in worker._topics.values() if stage.name == "notify")
        keeper: Any = await worker._keeper(stage, 0)

        async def save(at_ms: int) -> list[Any]:
            return []

        monkeypatch.setattr(keeper, "save", save)
        monkeypatch.setattr(module, "elapsed_ms", lambda: 10 * module.FOLD_TICK_MS)
        monkeypatch.setattr(worker, "_save_if_due", worker._save)
        await worker._tick()

    asyncio.run(turn())
    assert seen == [("look", "notify"), ("saved", "notify")]


def test_nothing_is_kept_of_a_partition_that_was_lost(
    made: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[tuple[str, int]] = []

    async def lost() -> tuple[Worker, list[weakref.ref[Any]]]:
        worker = made()
        monkeypatch.setattr(worker._metrics, "forget", lambda *key: forgotten.append(key))
        folds = []
        for stage in {stage.name: stage for stage, _ in worker._topics.values()}.values():
            keeper: Any = await worker._keeper(stage, 0)
            worker._observer.look(stage.name, 0, keeper.fold)
            folds.append(weakref.ref(keeper.fold))
        del keeper
        for key in list(worker.keepers):
            worker._forget(key)
        return worker, folds

    _, folds = asyncio.run(lost())
    gc.collect()
    assert [fold() for fold in folds] == [None] * len(FLOWS)
    assert forgotten == [(flow.name, 0) for flow in FLOWS]


def test_a_chunk_of_an_earlier_generation_waits_for_nobody(
    made: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group rebalances while a chunk waits: its partition may be another worker's for ever."""

    async def take() -> int:
        worker = made()
        stage, topic = next(iter(worker._topics.values()))
        generation = worker.app.consumer_generation_id
        consumer = type(worker.app).consumer_generation_id

        async def ready(*_: Any) -> None:
            monkeypatch.setattr(type(worker.app), "consumer_generation_id", generation + 1)
            monkeypatch.setattr(worker, "_is_ours", lambda *_: False)

        message = SimpleNamespace(partition=0, generation_id=generation, value=[])
        waiting = stage._replace(ready=ready)
        try:
            await asyncio.wait_for(worker._take(waiting, topic, SimpleNamespace(message=message)), 5)
        finally:
            monkeypatch.setattr(type(worker.app), "consumer_generation_id", consumer)
        return len(worker.keepers)

    assert asyncio.run(take()) == 1
