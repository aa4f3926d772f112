"""All four stages over a broker in memory, for the code of earlier commits: 14df77e (format 1) and f91deb0.

These scripts keep the module names of those commits. Do not rewrite their imports.
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
from streams.keeper import Keeper

from streams import checkpoint as wire
from streams.config.registry import Registry
from streams.config.state import Configuration
from streams.fold import Message, Record
from streams.settings import Settings
from streams.stages import stages

PARTITIONS = 2
IDLE_SECONDS = 5
NOW_MS = 1_772_323_200_000  # 2026-03-01
ROUND_MS = 1000
CHUNK = 40
QUIET_ROUNDS = 60
"""Rounds after the last event: all is idle by then, and what is open closes by the clock."""
SETTINGS = Settings(partitions=PARTITIONS, idle_seconds=IDLE_SECONDS)
Log = list[Record]


class Crash(BaseException):
    """The process dies here."""


def registry(records: Sequence[tuple[str, bytes, bytes]]) -> Registry:
    """Put records of `monitors` and `references` in force."""
    configuration = Configuration()
    for topic, key, value in records:
        configuration.learn(topic, key, value)
    assert not configuration.broken, configuration.broken
    return Registry.fixed({name: configuration.watched(name) for name in configuration.subjects()})


class Memory:
    """Topics and checkpoints; `encode` and `headers` say in which format they are written."""

    def __init__(
        self,
        encode: Callable[[str, Any], bytes],
        decode: Callable[[str, bytes], Any],
        headers: Callable[[str, int], list[tuple[str, bytes]]],
        die_when: Callable[[str, Sequence[Message]], bool] = lambda *_: False,
    ) -> None:
        self.logs: dict[str, Log] = {}
        self.checkpoints: dict[str, bytes] = {}
        self.round = 0
        self._encode, self._decode, self._headers, self._die_when = encode, decode, headers, die_when

    def log(self, topic: str, partition: int) -> Log:
        return self.logs.setdefault(f"{topic}/{partition}", [])

    async def load(self, stage: str, partition: int) -> Any:
        return self._newest(f"{stage}/{partition}"), None

    def _newest(self, source: str) -> Any:
        value = self.checkpoints.get(source)
        return None if value is None else self._decode(source, value)

    async def save(self, stage: str, partition: int, checkpoint: Any, fence: Any = None) -> int:
        self.checkpoints[f"{stage}/{partition}"] = self._encode(f"{stage}/{partition}", checkpoint)
        return 1

    async def read(self, topic: str, partition: int, first: int, last: int) -> AsyncIterator[Log]:
        yield self.log(topic, partition)[first : last + 1]

    async def deliver(
        self, source: str, first_sequence: int, messages: Sequence[Message], is_current: Any = None
    ) -> None:
        if self._die_when(source, messages):
            raise Crash
        for n, message in enumerate(messages):
            self._append(message, self._headers(source, first_sequence + n))

    async def announce(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._append(message, [])

    def _append(self, message: Message, headers: list[tuple[str, bytes]]) -> None:
        partition = message.partition
        log = self.log(
            message.topic, zlib.crc32(message.key) % PARTITIONS if partition is None else partition
        )
        log.append(Record(len(log), NOW_MS + self.round * ROUND_MS, message.key, message.value, headers))


class MemoryOfFormat1(Memory):
    """The store that the keeper of commit 14df77e needs."""

    def __init__(self, **more: Any) -> None:
        super().__init__(
            lambda _, checkpoint: wire.encode(checkpoint),
            lambda _, value: wire.decode(value),
            lambda name, sequence: [("wk-source", name.encode()), ("wk-sequence", str(sequence).encode())],
            **more,
        )

    async def load(self, stage: str, partition: int) -> Any:
        return self._newest(f"{stage}/{partition}")

    async def read(self, topic: str, partition: int, first: int, last: int) -> Any:
        return [self.log(topic, partition)[first : last + 1]]


class MemoryOfFormat2(Memory):
    """The store that the keeper of commit f91deb0 needs."""

    def __init__(self, **more: Any) -> None:
        from streams import formats

        super().__init__(
            lambda _, checkpoint: wire.encode(checkpoint),
            lambda source, value: wire.decode(value, source),
            formats.headers,
            **more,
        )


MemoryOfThen = MemoryOfFormat1 if wire.VERSION == 1 else MemoryOfFormat2


async def run(memory: Memory, registered: Registry, until: int | None = None) -> None:
    """Let a new process go on from what the broker has, to the end or up to a round."""
    keepers = {
        (stage.name, number): (stage, Keeper(stage.name, number, stage.fold(number), memory, memory))
        for stage in stages(SETTINGS, registered)
        for number in range(PARTITIONS)
    }
    for _, keeper in keepers.values():
        await keeper.begin(NOW_MS)
    quiet = 0
    while quiet < QUIET_ROUNDS and (until is None or memory.round < until):
        memory.round += 1
        moved = False
        for stage, keeper in keepers.values():
            moved |= await _turn(memory, stage, keeper)
        quiet = 0 if moved else quiet + 1


async def _turn(memory: Memory, stage: Any, keeper: Keeper) -> bool:
    """Give a stage the next chunk of each of its topics, and save."""
    now_ms = NOW_MS + memory.round * ROUND_MS
    moved = False
    for topic in stage.topics:
        log, position = memory.log(topic, keeper.partition), keeper.position(topic)
        chunk = log[position : position + CHUNK]
        if chunk:
            await keeper.take(topic, chunk, lambda: None, now_ms)
            moved |= stage.name == "ingest"
        elif stage.name == "ingest":
            keeper.fold.caught_up(topic, now_ms)
    keeper.fold.tick(now_ms)
    await keeper.save(now_ms)
    return moved


def live(memory: Memory, registered: Registry, until: int | None = None) -> Memory:
    """Run one process until its end or its crash."""
    with contextlib.suppress(Crash):
        asyncio.run(run(memory, registered, until))
    return memory


def outcome(memory: Memory) -> dict[str, dict[str, Any]]:
    """Give what the stages told, by topic and by what identifies it; said twice, it must be the same."""
    return {
        "statistics": _once(memory, "statistics", _window),
        "retraining": _once(memory, "retraining", lambda each: each["request_id"]),
        "rejected": _once(memory, "rejected", _rejection),
        "alerts": _once(memory, "alerts", _alert),
        "notices": _once(memory, "notify", lambda n: f"{n['alert']['fingerprint']} {n['change']}", _told),
    }


def _once(
    memory: Memory, topic: str, key: Callable[[Any], str], chosen: Callable[[Any], Any] = lambda each: each
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for partition in range(PARTITIONS):
        for record in memory.log(topic, partition):
            packed = topic == "rejected"
            value = (msgspec.msgpack if packed else msgspec.json).decode(record.value or b"")
            if packed:
                value.pop("rejected_at_ms")
            if topic == "notify" and value["change"] not in ("fired", "resolved"):
                continue
            told = chosen(value)
            assert found.setdefault(key(value), told) == told, f"{topic} {key(value)} was said in two ways"
    return found


def _window(each: Any) -> str:
    names = ("subject", "version", "segment", "kind", "window_start_ms", "window_end_ms")
    return " ".join(str(each[name]) for name in names)


def _rejection(each: Any) -> str:
    return f"{each['topic']}/{each['partition']}/{each['offset']}"


def _alert(each: Any) -> str:
    return f"{each['fingerprint']} {each['updated_at']} {each['status']}"


def _told(notice: Any) -> Any:
    """What is told; times of the wall clock differ by when a worker came to it."""
    return {"change": notice["change"], "labels": notice["alert"]["labels"]}


def records(found: dict[str, Any]) -> dict[str, Log]:
    """Decode the logs of a golden file."""
    return {name: [_record(*each) for each in log] for name, log in found.items()}


def _record(offset: int, timestamp: int, key: bytes, value: bytes, headers: list[list[Any]]) -> Record:
    return Record(offset, timestamp, key, value, tuple((name, content) for name, content in headers))


__all__ = ["Crash", "Memory", "MemoryOfThen", "live", "outcome", "records", "registry", "wire"]
