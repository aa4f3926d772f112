"""All four stages on a broker in memory, with a known stream and a crash at any point.

`then/world.py` does the same for the code of earlier commits, with their module names.
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Configuration
from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.stages import stages

PARTITIONS = 2
IDLE_SECONDS = 5
NOW_MS = 1_772_323_200_000  # 2026-03-01
ROUND_MS = 1000
CHUNK = 200
"""Records per chunk. The golden files were made with 40, and no result depends on it."""
QUIET_ROUNDS = 60
"""Rounds after the last event, until all partitions are idle and the clock has closed all windows."""
SETTINGS = Settings(partitions=PARTITIONS, idle_seconds=IDLE_SECONDS, early_labels_seconds=IDLE_SECONDS)
Log = list[Record]


class Crash(BaseException):
    """The simulated crash of a process."""


def registry(records: Sequence[tuple[str, bytes, bytes]]) -> Registry:
    """Apply records of `monitors` and `references`."""
    configuration = Configuration()
    for topic, key, value in records:
        configuration.learn(topic, key, value)
    assert not configuration.broken, configuration.broken
    return Registry.fixed({name: configuration.watched(name) for name in configuration.subjects()})


class Memory:
    """Topics and checkpoints. `encode` and `headers` write them in one format."""

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


async def run(memory: Memory, registered: Registry, until: int | None = None) -> None:
    """Let a new process continue from the broker's records, to the end or up to a round."""
    keepers = {
        (stage.name, number): (
            stage,
            Keeper(
                stage.name, number, stage.fold(number), memory, memory, destinations=stage.flow.destinations
            ),
        )
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
    """Pass the next chunk of each topic to a stage, and save."""
    now_ms = NOW_MS + memory.round * ROUND_MS
    moved = False
    for topic in stage.reads if hasattr(stage, "reads") else stage.topics:  # its name in format 1
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
    """Return the outputs of the stages by topic and identity. If published twice, they must be equal."""
    return {
        "statistics": _once(memory, "statistics", _window),
        "retraining": _once(memory, "retraining", lambda each: each["request_id"]),
        "rejected": _once(memory, "rejected", _rejection),
        "alerts": _once(memory, "alerts", _alert),
        "notices": _once(memory, "notify", lambda n: f"{n['alert']['fingerprint']} {n['change']}", _untimed),
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
            output = chosen(value)
            assert found.setdefault(key(value), output) == output, (
                f"{topic} {key(value)} was published with two values"
            )
    return found


def _window(each: Any) -> str:
    names = ("subject", "version", "segment", "kind", "window_start_ms", "window_end_ms")
    return " ".join(str(each[name]) for name in names)


def _rejection(each: Any) -> str:
    return f"{each['topic']}/{each['partition']}/{each['offset']}"


def _alert(each: Any) -> str:
    return f"{each['fingerprint']} {each['updated_at']} {each['status']}"


def _untimed(notice: Any) -> Any:
    """Return a notice without wall-clock times, which depend on the speed of the worker."""
    return {"change": notice["change"], "labels": notice["alert"]["labels"]}


__all__ = ["Crash", "Memory", "live", "outcome", "registry", "wire"]
