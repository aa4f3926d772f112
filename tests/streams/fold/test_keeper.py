"""The keeper under crashes: nothing lost, nothing counted twice, wherever the process dies."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.formats import FORMAT_HEADER, SEQUENCE_HEADER, SOURCE_HEADER, NewerFormat
from watchkeeper.streams.fold.interfaces import Superseded
from watchkeeper.streams.fold.keeper import SAVE_BYTES_PER_SECOND, Keeper
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record


class Crash(BaseException):
    """The process dies here."""


class SumFold(BaseFold):
    """Owes the running sum after every third record; sums itself what it is sent."""

    def __init__(self) -> None:
        self.total = 0
        self.count = 0
        self._outputs: list[Message] = []

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        for record in records:
            self.total += int(record.value or 0)
            self.count += 1
            if self.count % 3 == 0:
                self._outputs.append(Message("profiles", b"k", str(self.total).encode(), 0))

    def tick(self, now_ms: int) -> None: ...

    def outputs(self) -> list[Message]:
        outputs, self._outputs = self._outputs, []
        return outputs

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode((self.total, self.count))

    def restore(self, state: bytes) -> None:
        self.total, self.count = msgspec.msgpack.decode(state)


class Broker:
    """Checkpoints and one output partition that outlive the process; dies on demand at the n-th step."""

    def __init__(self, crash_at: Sequence[int] = ()) -> None:
        self.checkpoints: dict[str, bytes] = {}
        self.log: list[Record] = []
        self.committed = -1
        self.crashes = 0
        self._crash_at = set(crash_at)
        self._steps = 0

    def step(self) -> None:
        self._steps += 1
        if self._steps in self._crash_at:
            self.crashes += 1
            raise Crash

    async def load(self, stage: str, partition: int) -> tuple[Checkpoint | None, None]:
        self.step()
        value = self.checkpoints.get(f"{stage}/{partition}")
        return (wire.decode(value) if value else None), None

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint, fence: object) -> int:
        self.step()
        self.checkpoints[f"{stage}/{partition}"] = wire.encode(checkpoint)
        self.step()
        return 1

    async def read(self, topic: str, partition: int, first: int, last: int) -> AsyncIterator[list[Record]]:
        source = self.log if topic == "profiles" else SOURCE
        yield source[first : last + 1]

    async def deliver(
        self, source: str, first_sequence: int, messages: Sequence[Message], is_current: object = None
    ) -> None:
        for i, message in enumerate(messages):
            self.step()
            headers = [(SOURCE_HEADER, source.encode()), (SEQUENCE_HEADER, str(first_sequence + i).encode())]
            self.log.append(Record(len(self.log), 0, message.key, message.value, headers))
        self.step()

    async def announce(self, messages: Sequence[Message]) -> None:
        self.step()

    def ack(self, offset: int) -> None:
        self.step()
        self.committed = offset


SOURCE = [Record(i, 0, None, str(i * i % 17).encode()) for i in range(40)]


async def _live(broker: Broker, chunk: int, save_every: int) -> None:
    """One life of a process: read from the committed offset to the end."""
    keeper = Keeper("first", 0, SumFold(), broker, broker)
    await keeper.begin(0)
    start = broker.committed + 1
    for n, at in enumerate(range(start, len(SOURCE), chunk)):
        records = SOURCE[at : at + chunk]
        await keeper.take("predictions", records, lambda offset=records[-1].offset: broker.ack(offset), n)
        if n % save_every == 0:
            await keeper.save(n)
    await keeper.save(99)


def _outputs(broker: Broker) -> tuple[int, int, int]:
    """Fold the output log as the next stage would: sum, count and what it dropped."""
    fold = SumFold()
    keeper = Keeper("second", 0, fold, broker, broker)
    asyncio.run(keeper.take("profiles", broker.log, lambda: None, 0))
    return fold.total, fold.count, keeper.dropped


def _run(crash_at: Sequence[int], chunk: int, save_every: int) -> Broker:
    broker = Broker(crash_at)
    for _ in range(len(crash_at) + 1):
        try:
            asyncio.run(_live(broker, chunk, save_every))
        except Crash:
            continue
        return broker
    raise AssertionError("more lives than crashes should have been enough")


@settings(deadline=None, max_examples=200)
@given(
    crash_at=st.lists(st.integers(1, 80), unique=True, max_size=6),
    chunk=st.integers(1, 7),
    save_every=st.integers(1, 4),
)
def test_wherever_it_dies_the_next_stage_sums_what_an_undisturbed_run_does(crash_at, chunk, save_every):
    undisturbed = _outputs(_run([], 5, 1))
    total, count, _ = _outputs(_run(crash_at, chunk, save_every))
    assert (total, count) == undisturbed[:2]


def test_the_crash_tests_do_crash_and_do_repeat_outputs():
    brokers = [_run([at], 5, 1) for at in range(1, 40)]
    assert sum(broker.crashes for broker in brokers) > 30
    assert any(_outputs(broker)[2] > 0 for broker in brokers)


def test_a_keeper_of_another_generation_saves_and_acks_nothing():
    broker, acks = Broker(), []
    keeper = Keeper("first", 0, SumFold(), broker, broker, lambda: False)
    asyncio.run(keeper.take("predictions", SOURCE[:3], lambda: acks.append(1), 0))
    with pytest.raises(Superseded):
        asyncio.run(keeper.save(0))
    assert not broker.checkpoints
    assert not broker.log
    assert not acks


def test_a_keeper_that_was_frozen_as_it_saved_delivers_nothing_and_the_next_one_does():
    broker, acks, answers = Broker(), [], [True, False]
    keeper = Keeper("first", 0, SumFold(), broker, broker, lambda: answers.pop(0))
    asyncio.run(keeper.take("predictions", SOURCE[:3], lambda: acks.append(1), 0))
    with pytest.raises(Superseded, match="it may be lost, so its outputs are not delivered"):
        asyncio.run(keeper.save(0))
    assert (len(broker.checkpoints), broker.log, acks) == (1, [], [])
    successor = Keeper("first", 0, SumFold(), broker, broker)
    asyncio.run(successor.begin(0))
    asyncio.run(successor.save(0))
    assert len(broker.log) == 1


def test_a_checkpoint_of_a_newer_format_is_refused():
    newer = wire.encode(Checkpoint(wire.VERSION + 1, {}, 0, {}, [], b""))
    with pytest.raises(wire.UnreadableCheckpoint, match="format 3"):
        wire.decode(newer)


def test_records_below_the_offset_are_dropped_even_inside_a_chunk():
    broker = Broker()
    keeper = Keeper("first", 0, SumFold(), broker, broker)
    assert asyncio.run(keeper.take("predictions", SOURCE[:10], lambda: None, 0)) == 10
    assert asyncio.run(keeper.take("predictions", SOURCE[5:15], lambda: None, 0)) == 5
    assert keeper.dropped == 5


def test_what_lies_between_the_checkpoint_and_the_first_chunk_is_read_again():
    keeper = Keeper("first", 0, SumFold(), Broker(), Broker())
    assert asyncio.run(keeper.take("predictions", SOURCE[10:15], lambda: None, 0)) == 15
    assert asyncio.run(keeper.take("predictions", SOURCE[20:25], lambda: None, 0)) == 5  # a gap of the log


def test_what_is_read_again_after_a_void_is_acknowledged_once_saved():
    acks = []
    keeper = Keeper("first", 0, SumFold(), Broker(), Broker())
    asyncio.run(keeper.catch_up(["predictions"], 0, lambda *told: acks.append(told)))
    assert not acks
    asyncio.run(keeper.save(1))
    assert acks == [("predictions", len(SOURCE) - 1)]


def test_the_larger_its_checkpoints_the_longer_the_time_between_them():
    keeper = Keeper("first", 0, SumFold(), Broker(), Broker())
    asyncio.run(keeper.take("predictions", SOURCE[:3], lambda: None, 0))
    assert keeper.due(50, every_ms=1000, hurry_ms=50)  # an output waits
    keeper.size_bytes = 10 * SAVE_BYTES_PER_SECOND
    assert not keeper.due(9_999, every_ms=1000, hurry_ms=50)
    assert keeper.due(10_000, every_ms=1000, hurry_ms=50)
    assert keeper.is_unsaved


def test_a_record_of_a_newer_format_stops_the_keeper_before_any_ack():
    broker, acks = Broker(), []
    keeper = Keeper("second", 3, SumFold(), broker, broker)
    newer = Record(7, 0, b"k", b"5", ((FORMAT_HEADER, b"3"),))
    with pytest.raises(NewerFormat) as stopped:
        asyncio.run(keeper.take("profiles", [newer], lambda: acks.append(1), 0))
    sentence = "the record at 7 has format 3, this program reads up to 2: upgrade this worker"
    assert str(stopped.value) == f"partition 3 of profiles: {sentence}"
    assert not acks
    assert not broker.checkpoints


@pytest.mark.parametrize("written", [None, b"1", b"2"])
def test_records_without_a_format_and_of_older_ones_are_folded(written):
    fold, broker = SumFold(), Broker()
    headers = ((FORMAT_HEADER, written),) if written else ()
    keeper = Keeper("second", 0, fold, broker, broker)
    asyncio.run(keeper.take("profiles", [Record(0, 0, b"k", b"5", headers)], lambda: None, 0))
    assert fold.total == 5


@pytest.mark.parametrize(
    "headers",
    [
        ((SOURCE_HEADER, b"ingest/0"),),
        ((SOURCE_HEADER, b"\xff"), (SEQUENCE_HEADER, b"1")),
        ((SOURCE_HEADER, b"ingest/0"), (SEQUENCE_HEADER, b"many")),
        ((SOURCE_HEADER, b"ingest/0"), (SEQUENCE_HEADER, b"9" * 40)),
        ((SOURCE_HEADER, None), (SEQUENCE_HEADER, None)),
        ((FORMAT_HEADER, b"new"),),
    ],
)
def test_a_record_whose_headers_no_worker_wrote_goes_to_rejected(headers):
    fold, broker = SumFold(), Broker()
    keeper = Keeper("second", 0, fold, broker, broker)
    records = [Record(0, 0, b"k", b"5", headers), Record(1, 0, b"k", b"7")]
    assert asyncio.run(keeper.take("profiles", records, lambda: None, 0)) == 1
    assert fold.total == 7
    told = asyncio.run(keeper.save(0))
    assert [message.key for message in told or []] == [b"profiles/0/0"]
