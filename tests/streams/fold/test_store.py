"""Checkpoints in a real topic: small and in parts, fenced, bounded; and source records read again."""

import asyncio
import random
import threading
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold import parts, store
from watchkeeper.streams.fold.checkpoint import VERSION, Checkpoint
from watchkeeper.streams.fold.fence import Fence
from watchkeeper.streams.fold.interfaces import Superseded
from watchkeeper.streams.fold.parts import Assembly, split, tombstones
from watchkeeper.streams.fold.store import KafkaStore
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

PART_BYTES = 1000


def checkpoint(sequence: int, size_bytes: int) -> Checkpoint:
    """A checkpoint that can't be compressed to less than about its size."""
    noise = random.Random(sequence).randbytes(size_bytes)  # noqa: S311
    return Checkpoint(VERSION, {"labels": sequence}, sequence, {}, [], noise, "page/0", subject_partitions=4)


def small_parts(settings: Settings) -> KafkaStore:
    return KafkaStore(settings, part_bytes=PART_BYTES)


async def load(settings: Settings) -> Checkpoint | None:
    found, _ = await small_parts(settings).load("page", 0)
    return found


def live(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def records(settings: Settings) -> list[tuple[bytes, bytes | None]]:
    return [(m.key(), m.value()) for m in read_to_end(settings, topic_name(settings, "checkpoints"), 0)]


@pytest.mark.parametrize("sizes", [[10], [5000], [10, 5000], [5000, 10], [9000, 3000, 10_000]])
def test_what_was_saved_last_is_loaded_in_however_many_parts(settings: Settings, sizes: list[int]) -> None:
    async def save() -> None:
        saving = small_parts(settings)
        _, fence = await saving.load("page", 0)
        for sequence, size_bytes in enumerate(sizes):
            await saving.save("page", 0, checkpoint(sequence, size_bytes), fence)

    live(save())
    last = len(sizes) - 1
    assert live(load(settings)) == checkpoint(last, sizes[last])
    kept = [value for key, value in dict(records(settings)).items() if b"/part/" in key and value is not None]
    assert bool(kept) == (sizes[-1] > PART_BYTES)
    assert len({part[:16] for part in kept}) <= 1  # parts that no head names are taken away


def test_parts_that_a_transaction_left_behind_are_passed_over(settings: Settings) -> None:
    """The embedded broker shows records of transactions that were aborted; Apache Kafka does not."""

    async def save() -> None:
        saving = small_parts(settings)
        _, fence = await saving.load("page", 0)
        await saving.save("page", 0, checkpoint(1, 5000), fence)

    live(save())
    torn = split(b"page/0", b"x" * 5000, PART_BYTES)
    sender = producer(settings)
    for key, value in [*torn[:2], torn[-1]]:
        sender.produce(topic_name(settings, "checkpoints"), value, key, partition=0)
    assert sender.flush(30) == 0
    assert live(load(settings)) == checkpoint(1, 5000)


def test_every_stage_of_a_partition_finds_its_own(settings: Settings) -> None:
    async def save_and_load() -> tuple[Checkpoint | None, Checkpoint | None, Checkpoint | None]:
        saving = small_parts(settings)
        _, fence = await saving.load("page", 0)
        await saving.save("page", 0, checkpoint(1, 3000), fence)
        again, _ = await saving.load("page", 0)
        await saving.save("page", 0, checkpoint(2, 10), fence)
        new = small_parts(settings)
        other, _ = await new.load("notify", 0)
        found, _ = await new.load("page", 0)
        return again, other, found

    assert live(save_and_load()) == (checkpoint(1, 3000), None, checkpoint(2, 10))


def test_a_keeper_saves_with_the_fence_it_loaded_with_or_not_at_all(settings: Settings) -> None:
    """A void drops the fence while another keeper begins; that one must not write through the next."""

    async def save() -> None:
        saving = small_parts(settings)
        _, fence = await saving.load("page", 0)
        saving.drop(0)
        _, newer = await saving.load("notify", 0)
        assert not saving.holds(0, fence)
        assert saving.holds(0, newer)
        with pytest.raises(Superseded):
            await saving.save("page", 0, checkpoint(1, 10), fence)

    live(save())
    assert live(load(settings)) is None


def test_what_is_too_large_says_whose_it_is_and_what_to_do(settings: Settings) -> None:
    async def save() -> None:
        saving = KafkaStore(settings, bytes_max=2000)
        _, fence = await saving.load("page", 0)
        await saving.save("page", 0, checkpoint(1, 5000), fence)

    with pytest.raises(Unrecoverable, match=r"checkpoint of page/0 is too large .* watch fewer features"):
        live(save())
    assert records(settings) == []


def test_source_records_are_read_again_in_batches(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BATCH_RECORDS", 10)
    monkeypatch.setattr(store, "BATCH_BYTES", 500)
    sender = producer(settings)
    for n in range(60):
        sender.produce(topic_name(settings, "labels"), b"%03d" % n if n < 35 else bytes(200), partition=1)
    assert sender.flush(30) == 0

    async def read(first: int, last: int) -> list[list[int]]:
        reading = KafkaStore(settings).read("labels", 1, first, last)
        return [[record.offset for record in batch] async for batch in reading]

    batches = live(read(5, 50))
    assert [offset for batch in batches for offset in batch] == list(range(5, 51))
    assert max(map(len, batches)) == 10
    assert [len(batch) for batch in batches[-3:-1]] == [3, 3]
    assert live(read(5, 4)) == []
    assert sum(map(len, live(read(50, 2**62)))) == 10


def test_a_read_that_breaks_off_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def sent(offset: int) -> Any:
        said = {"offset": offset, "timestamp": (0, 0), "key": None, "value": b"", "headers": None}
        return SimpleNamespace(**{name: lambda it=it: it for name, it in said.items()})

    def breaks_off(_: Settings, __: str, ___: int, first: int) -> Any:
        calls.append(first)
        yield from map(sent, range(first, first + store.BATCH_RECORDS))
        if len(calls) == 1:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        yield from map(sent, range(first + store.BATCH_RECORDS, 10))

    monkeypatch.setattr(store, "BATCH_RECORDS", 3)
    monkeypatch.setattr(store, "read_to_end", breaks_off)

    async def read() -> list[int]:
        reading = KafkaStore(Settings()).read("labels", 1, 0, 8)
        return [record.offset async for batch in reading for record in batch]

    assert live(read()) == list(range(9))
    assert calls == [0, 3]


class Transactions:
    """Stands in for librdkafka's producer; fails as it is told."""

    def __init__(self, *faults: KafkaError | None) -> None:
        self.calls: list[str] = []
        self._faults = list(faults)

    def begin_transaction(self) -> None:
        self.calls.append("begin")

    def produce(self, *_: object, **__: object) -> None:
        self.calls.append("produce")

    def commit_transaction(self, _: float) -> None:
        self.calls.append("commit")
        if (fault := self._faults.pop(0)) is not None:
            raise KafkaException(fault)

    def abort_transaction(self, _: float) -> None:
        self.calls.append("abort")


def write(monkeypatch: pytest.MonkeyPatch, *faults: KafkaError | None) -> list[str]:
    monkeypatch.setattr("watchkeeper.streams.fold.fence._RETRY_SECONDS", 0)
    fence = Fence.__new__(Fence)
    fence.__dict__ |= {"_producer": Transactions(*faults), "_topic": "checkpoints", "_partition": 0}
    fence._lock = threading.Lock()
    try:
        fence.write([(b"page/0", b"value")])
    finally:
        write.calls = fence._producer.calls  # type: ignore[attr-defined]
    return fence._producer.calls


def test_a_commit_that_may_be_tried_again_is(monkeypatch: pytest.MonkeyPatch) -> None:
    timed_out = KafkaError(KafkaError._TIMED_OUT, "timed out", retriable=True)
    assert write(monkeypatch, timed_out, timed_out, None) == [
        "begin",
        "produce",
        "commit",
        "commit",
        "commit",
    ]


def test_a_transaction_that_must_be_aborted_is_and_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = KafkaError(KafkaError._FAIL, "failed", txn_requires_abort=True)
    assert write(monkeypatch, failed, None) == [
        "begin",
        "produce",
        "commit",
        "abort",
        "begin",
        "produce",
        "commit",
    ]


def test_a_fenced_producer_is_superseded_and_writes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    fenced = KafkaError(KafkaError._FENCED, "fenced", fatal=True)
    with pytest.raises(Superseded):
        write(monkeypatch, fenced)
    assert write.calls == ["begin", "produce", "commit"]  # type: ignore[attr-defined]


def test_a_refusal_for_good_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unrecoverable, match="right to write to the topic"):
        write(monkeypatch, KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "no", txn_requires_abort=True))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.binary(max_size=40), st.none()),  # written whole
            st.tuples(
                st.binary(max_size=40), st.integers(0, 12)
            ),  # cut off after so many records, or one lost
        ),
        max_size=8,
    )
)
def test_whatever_was_cut_off_the_last_whole_one_counts(written: list[tuple[bytes, int | None]]) -> None:
    assembly, last, kept = Assembly(), None, 0
    for value, lost in written:
        made: list[tuple[bytes, bytes | None]] = [*split(b"page/0", value, 4)]
        if lost is None or (lost >= len(made)):
            last = value
            made += tombstones(b"page/0", range(len(made) - 1, kept))
            kept = len(made) - 1
        elif len(made) == 1:
            made = []
        else:
            del made[lost]
        for key, record in made:
            assembly.see(key, record)
    assert assembly.values.get(b"page/0") == last


def test_a_damaged_part_is_not_taken() -> None:
    assembly = Assembly()
    for key, value in split(b"page/0", b"the one before", 4):
        assembly.see(key, value)
    for key, value in split(b"page/0", b"a longer one after it", 4):
        assembly.see(key, value[:-1] + b"?" if key.endswith(b"/part/1") else value)
    assert assembly.values == {b"page/0": b"the one before"}
    assert parts.PART_BYTES < 16 * 2**20
