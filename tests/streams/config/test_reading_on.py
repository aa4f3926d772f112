"""A chunk waits until the configuration is read up to the time at which it was appended, and no longer."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.progress import ReadProgress
from watchkeeper.streams.config.reading_on import RETRY_MS, REVISIONS_MS, Hold
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

NOW_MS = 1_800_000_000_000


class Appended(NamedTuple):
    """A record of a topic on which the broker's clock gives the timestamps."""

    timestamp: int
    timestamp_type: int = 1


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


class SlowRegistry:
    """A registry whose topics are read when the broker answers."""

    def __init__(self, up_to_ms: int, answers: bool = True) -> None:
        self.progress = ReadProgress()
        self.progress.up_to_ms = up_to_ms
        self.answers = answers
        self.asked: list[int] = []

    def read_on(self, asked_ms: int, seconds: float) -> bool:
        self.asked.append(asked_ms)
        if self.answers:
            self.progress.up_to_ms = asked_ms
        return self.answers


class Chunks:
    """A fold for which every chunk names known subjects, or every one names an unknown one."""

    def __init__(self, unwatched: bool) -> None:
        self._unwatched = unwatched

    def has_unwatched(self, topic: str, records: Sequence[Record]) -> bool:
        return self._unwatched


def asked(registry: SlowRegistry, *chunks: tuple[bool, Any], clock: Clock | None = None) -> list[int]:
    """Let chunks wait one after another, and return the times at which the broker was asked."""

    async def take() -> None:
        hold = Hold(registry, clock or Clock())  # type: ignore[arg-type]
        for unwatched, record in chunks:
            await hold.until_read(Chunks(unwatched), "predictions", [record])

    asyncio.run(take())
    return registry.asked


def test_an_unknown_subject_waits_and_a_known_one_does_not() -> None:
    fresh = NOW_MS - REVISIONS_MS // 2
    assert asked(SlowRegistry(fresh), (False, Appended(NOW_MS))) == []
    assert asked(SlowRegistry(fresh), (True, Appended(NOW_MS))) == [NOW_MS]


def test_a_known_subject_waits_if_a_change_could_have_taken_effect() -> None:
    assert asked(SlowRegistry(NOW_MS - REVISIONS_MS - 1), (False, Appended(NOW_MS))) == [NOW_MS]


def test_a_backlog_does_not_wait() -> None:
    assert asked(SlowRegistry(NOW_MS), (True, Appended(NOW_MS - 60_000))) == []


def test_without_the_brokers_time_the_time_of_reading_decides() -> None:
    fresh = NOW_MS - REVISIONS_MS // 2
    assert asked(SlowRegistry(fresh), (True, Record(0, 0, None, b""))) == [NOW_MS]
    assert asked(SlowRegistry(fresh), (True, Appended(0, timestamp_type=0))) == [NOW_MS]


def test_one_request_serves_all_chunks_that_were_there_before_it() -> None:
    registry = SlowRegistry(0)

    async def take() -> None:
        hold = Hold(registry, Clock())  # type: ignore[arg-type]
        chunks = (hold.until_read(Chunks(True), "predictions", [Appended(NOW_MS)]) for _ in range(12))  # type: ignore[list-item]
        await asyncio.gather(*chunks)

    asyncio.run(take())
    assert registry.asked == [NOW_MS]


def test_while_the_broker_does_not_answer_one_chunk_waits_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry, clock, chunk = SlowRegistry(0, answers=False), Clock(), (True, Appended(NOW_MS))
    assert len(asked(registry, chunk, chunk, chunk, clock=clock)) == 1
    assert "rejected replay" in caplog.text

    async def later() -> None:
        hold = Hold(registry, clock)  # type: ignore[arg-type]
        for _ in range(2):
            await hold.until_read(Chunks(True), "predictions", [Appended(NOW_MS)])  # type: ignore[list-item]
            clock.now_ms += RETRY_MS

    asyncio.run(later())
    assert len(registry.asked) == 3


def test_what_was_published_before_is_known_after_reading_on(settings: Settings) -> None:
    registry, sender = Registry(settings), producer(settings)
    registry.start()
    try:
        assert registry.ready.wait(20)
        for i in range(20):
            monitor = Monitor.model_validate(
                {"feature_view": f"v{i}", "owner": {"team": "a"}, "features": {"x": {"type": "number"}}}
            )
            sender.produce(topic_name(settings, "monitors"), monitor.model_dump_json(), monitor.subject)
            assert sender.flush(10) == 0
            assert registry.read_on(asked_ms=i + 1, seconds=10)
            assert registry.get(f"v{i}") is not None
            assert registry.progress.up_to_ms == i + 1
        sender.produce(topic_name(settings, "monitors"), None, "v0")
        assert sender.flush(10) == 0
        assert registry.read_on(asked_ms=30, seconds=10)
        assert registry.get("v0") is None
    finally:
        registry.stop()
    assert not registry.read_on(asked_ms=40, seconds=10)
