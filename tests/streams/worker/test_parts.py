"""A chunk that is folded slowly is divided, and other work of the loop runs in between."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.worker import parts as module
from watchkeeper.streams.worker.parts import Parts

RECORDS = [Record(offset, offset, b"", b"") for offset in range(1000)]


class Slow:
    """A keeper whose fold takes long: 10 ms for each record, by the clock of the test."""

    stage, partition, source = "ingest", 0, "ingest/0"

    def __init__(self) -> None:
        self.now_seconds = 0.0
        self.taken: list[list[int]] = []
        self.turns_at: list[int] = []
        self.turns = 0

    async def take(self, topic: str, records: list[Record], ack: Any, now_ms: int) -> int:
        self.now_seconds += 0.01 * len(records)
        self.taken.append([record.offset for record in records])
        self.turns_at.append(self.turns)
        ack()
        return len(records)


class Folding:
    """A worker's parts with a slow keeper."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keeper = Slow()
        self.acked: list[int] = []
        self.app = SimpleNamespace(consumer_generation_id=1)
        monkeypatch.setattr(module.time, "perf_counter", lambda: self.keeper.now_seconds)
        self.parts = Parts(self.app, lambda: 0, Metrics(CollectorRegistry()))

    async def fold(self, count: int, number: int = 0) -> None:
        records = RECORDS[:count]
        message = SimpleNamespace(value=records, generation_id=1, partition=0)
        chunk = SimpleNamespace(value=records, message=message, ack=lambda: self.acked.append(number))
        keeper: Any = self.keeper
        async for _ in self.parts.fold(keeper, "predictions", chunk):
            pass
        assert chunk.value is None
        assert message.value is None


def test_a_slow_fold_gets_small_parts_in_order_and_acknowledges_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folding = Folding(monkeypatch)
    asyncio.run(folding.fold(1000, number=0))
    asyncio.run(folding.fold(1000, number=1))
    first, *parts = [len(part) for part in folding.keeper.taken]
    assert first == 1000
    assert set(parts) <= {25, 50}
    assert [offset for part in folding.keeper.taken[1:] for offset in part] == list(range(1000))
    assert folding.acked == [0, 1]


def test_the_loop_runs_between_chunks_that_wait_in_a_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn of the loop is a chance for heartbeats, saves and other stages."""
    folding = Folding(monkeypatch)

    async def run() -> None:
        async def count() -> None:
            while True:
                folding.keeper.turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        for _ in range(16):
            await folding.fold(20)
        counting.cancel()

    asyncio.run(run())
    assert len(set(folding.keeper.turns_at)) == len(folding.keeper.taken) == 16


def test_the_rest_of_a_chunk_is_left_when_its_partition_may_have_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folding = Folding(monkeypatch)
    asyncio.run(folding.fold(1000))
    take = folding.keeper.take

    async def take_and_move(topic: str, records: list[Record], ack: Any, now_ms: int) -> int:
        folding.app.consumer_generation_id = 2
        return await take(topic, records, ack, now_ms)

    monkeypatch.setattr(folding.keeper, "take", take_and_move)
    asyncio.run(folding.fold(1000, number=1))
    assert [len(part) for part in folding.keeper.taken] == [1000, 25]
    assert folding.acked == [0]  # the owner of the partition receives the chunk again
