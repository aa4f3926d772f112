"""The keeper over changed logs: nothing new passes for a repeat, and losses are counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.interfaces import Superseded
from watchkeeper.streams.fold.keeper import SEQUENCES_PER_MS, Keeper
from watchkeeper.streams.fold.positions import Facts, Positions
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.kafka.log_facts import LogFacts

NOW_MS = 1_800_000_000_000


class Values(BaseFold):
    """Holds the values that it was given, and sends each of them on."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.forgotten: list[tuple[str, int]] = []
        self._outputs: list[Message] = []

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        for record in records:
            self.values.append((record.value or b"").decode())
            self._outputs.append(Message("profiles", b"k", record.value or b"", 0))

    def tick(self, now_ms: int) -> None: ...

    def outputs(self) -> list[Message]:
        outputs, self._outputs = self._outputs, []
        return outputs

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self.values)

    def restore(self, state: bytes) -> None:
        self.values = msgspec.msgpack.decode(state)

    def log_changed(self, topic: str, first: int) -> None:
        self.forgotten.append((topic, first))


class Cluster:
    """One partition of a topic, its checkpoints, and the outputs of its keeper."""

    def __init__(self) -> None:
        self.id, self.start, self.committed = "a", 0, -1
        self.log: list[Record] = []
        self.checkpoints: list[bytes] = []
        self.delivered: list[tuple[int, str]] = []

    def append(self, *values: str) -> None:
        for value in values:
            self.log.append(Record(len(self.log), 0, None, value.encode()))

    def make_anew(self, id_: str = "b") -> None:
        self.id, self.start, self.log = id_, 0, []

    async def facts(self, _: Positions) -> Facts:
        return {"labels": self.now()}

    def now(self) -> LogFacts:
        return LogFacts(self.id, self.start, len(self.log), 0, self.committed)

    async def load(self, stage: str, partition: int) -> tuple[Checkpoint | None, None]:
        return (wire.decode(self.checkpoints[-1]) if self.checkpoints else None), None

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint, fence: object) -> int:
        self.checkpoints.append(wire.encode(checkpoint))
        return 1

    async def read(self, topic: str, partition: int, first: int, last: int) -> AsyncIterator[list[Record]]:
        yield [record for record in self.log[max(first, self.start) :] if record.offset <= last]

    async def deliver(
        self, source: str, first_sequence: int, messages: Sequence[Message], is_current: object = None
    ) -> None:
        self.delivered += [(first_sequence + i, m.value.decode()) for i, m in enumerate(messages)]

    async def announce(self, messages: Sequence[Message]) -> None: ...

    def begun(self) -> Keeper:
        keeper = Keeper("ingest", 0, Values(), self, self, facts=self.facts)
        asyncio.run(keeper.begin(0, NOW_MS))
        return keeper

    def read_all(self, keeper: Keeper) -> Keeper:
        """Give the keeper what a consumer would after a reset to the first record, and save."""
        chunk = self.log[self.start :]
        asyncio.run(keeper.take("labels", chunk, lambda: self._commit(len(self.log)), NOW_MS))
        asyncio.run(keeper.save(0))
        return keeper

    def _commit(self, offset: int) -> None:
        self.committed = offset


def _after(*values: str) -> Cluster:
    cluster = Cluster()
    cluster.append(*values)
    keeper = cluster.read_all(cluster.begun())
    assert keeper.positions.changes == []
    return cluster


def _values(keeper: Keeper) -> list[str]:
    fold = keeper.fold
    assert isinstance(fold, Values)
    return fold.values


def _names(keeper: Keeper) -> list[str]:
    return [change.change for _, change in keeper.positions.changes]


def test_a_topic_made_anew_is_read_from_its_start_and_its_records_are_no_repeats():
    cluster = _after("a", "b", "c")
    cluster.append("unread")
    cluster.committed = 3
    asyncio.run(_look(cluster))
    cluster.make_anew()
    cluster.append("d", "e")
    keeper = cluster.begun()
    assert _names(keeper) == ["recreated"]
    assert keeper.fold.forgotten == [("labels", 0)]  # type: ignore[attr-defined]
    cluster.read_all(keeper)
    assert _values(keeper) == ["a", "b", "c", "d", "e"]
    passage = keeper.positions.logs["labels"].passage
    assert (passage.folded, passage.lost, passage.gaps) == (5, 1, 0)


async def _look(cluster: Cluster) -> None:
    """Note the end of the log in the checkpoint, as a worker does while records wait."""
    keeper = Keeper("ingest", 0, Values(), cluster, cluster, facts=cluster.facts)
    await keeper.begin(0, NOW_MS)
    keeper.touch()
    await keeper.save(0)


def test_what_became_of_a_log_is_in_the_checkpoint_and_is_told_once():
    cluster = _after("a", "b", "c")
    cluster.make_anew()
    cluster.append("d")
    cluster.read_all(cluster.begun())
    keeper = cluster.begun()
    assert keeper.positions.changes == []
    assert keeper.positions.logs["labels"].changes["recreated"].count == 1


def test_a_running_keeper_notices_a_new_log_and_another_one_takes_over():
    cluster = _after("a", "b", "c")
    keeper = cluster.begun()
    assert not keeper.positions.look({"labels": cluster.now()}, {"labels": 3}, NOW_MS)
    cluster.make_anew()
    cluster.append("d", "e", "f", "g")
    assert keeper.positions.look({"labels": cluster.now()}, {"labels": 3}, NOW_MS)


def test_a_running_keeper_that_has_moved_on_since_the_broker_was_asked_sees_no_change():
    cluster = _after("a", "b")
    keeper = cluster.begun()
    before, facts = {"labels": 2}, {"labels": cluster.now()}
    cluster.append("c", "d")
    cluster.read_all(keeper)
    assert not keeper.positions.look(facts, before, NOW_MS)


def test_unread_records_that_retention_deleted_are_counted_at_a_restore():
    cluster = _after("a", "b")
    cluster.append("c", "d", "e")
    cluster.start = 4
    keeper = cluster.read_all(cluster.begun())
    assert [(c.change, c.lost_from, c.lost_to) for _, c in keeper.positions.changes] == [("overtaken", 2, 4)]
    assert _values(keeper) == ["a", "b", "e"]
    assert keeper.positions.logs["labels"].passage.lost == 2


def test_unread_records_that_retention_deleted_are_counted_while_running_and_other_gaps_are_not():
    cluster = _after("a", "b")
    keeper = cluster.begun()
    cluster.append("c", "d", "e", "marker", "f")
    cluster.start = 4  # the consumer goes on at the first record that is left
    chunk = [cluster.log[4], cluster.log[6]]
    asyncio.run(keeper.take("labels", chunk, lambda: None, NOW_MS))
    # `_fill` finds nothing between the checkpoint and the chunk
    assert not keeper.positions.look({"labels": cluster.now()}, {"labels": 7}, NOW_MS)
    assert [(c.change, c.lost_from, c.lost_to) for _, c in keeper.positions.changes] == [("overtaken", 2, 4)]
    passage = keeper.positions.logs["labels"].passage
    assert (passage.passed, passage.folded, passage.lost, passage.gaps) == (7, 4, 2, 1)
    assert not keeper.positions.look({"labels": cluster.now()}, {"labels": 7}, NOW_MS)
    assert len(keeper.positions.changes) == 1


def test_gaps_that_were_read_after_the_broker_was_asked_wait_for_the_next_look():
    cluster = _after("a", "b")
    keeper = cluster.begun()
    facts = {"labels": cluster.now()}
    cluster.append("c", "d", "e")
    cluster.start = 4
    asyncio.run(keeper.take("labels", cluster.log[4:], lambda: None, NOW_MS))
    assert not keeper.positions.look(facts, {"labels": 2}, NOW_MS)
    assert keeper.positions.changes == []
    assert not keeper.positions.look({"labels": cluster.now()}, {"labels": 5}, NOW_MS)
    assert _names(keeper) == ["overtaken"]


def test_a_log_that_was_cut_off_goes_on_at_its_end():
    cluster = _after("a", "b", "c")
    del cluster.log[2:]
    cluster.committed = 3
    keeper = cluster.begun()
    assert _names(keeper) == ["truncated"]
    cluster.append("C", "D")
    cluster.read_all(keeper)
    assert _values(keeper) == ["a", "b", "c", "C", "D"]


def test_a_lost_checkpoint_goes_on_at_the_committed_offset_and_its_outputs_are_no_repeats():
    cluster = _after("a", "b", "c")
    cluster.checkpoints.clear()
    cluster.append("d")
    keeper = cluster.begun()
    assert _names(keeper) == ["checkpoint_lost"]
    cluster.read_all(keeper)
    assert _values(keeper) == ["d"]
    assert [value for _, value in cluster.delivered] == ["a", "b", "c", "d"]
    numbers = [number for number, _ in cluster.delivered]
    assert numbers == [1, 2, 3, NOW_MS * SEQUENCES_PER_MS + 1]


def test_a_checkpoint_without_its_successors_folds_again_and_sends_nothing_twice():
    cluster = _after("a")
    cluster.append("b", "c")
    cluster.read_all(cluster.begun())
    del cluster.checkpoints[1:]
    cluster.append("d")
    keeper = cluster.begun()
    assert _names(keeper) == ["checkpoint_behind"]
    assert _values(keeper) == ["a", "b", "c"]
    cluster.read_all(keeper)
    assert _values(keeper) == ["a", "b", "c", "d"]
    by_number = dict(cluster.delivered)  # what has the same number counts once
    assert list(by_number.values()) == ["a", "b", "c", "d"]
    assert list(by_number) == sorted(by_number)


def test_a_topic_that_is_first_read_long_after_its_start_has_lost_nothing():
    cluster = Cluster()
    cluster.append("a", "b", "c")
    cluster.start = 2
    keeper = cluster.read_all(cluster.begun())
    passage = keeper.positions.logs["labels"].passage
    assert (keeper.positions.changes, passage.passed, passage.folded, passage.lost) == ([], 1, 1, 0)


def test_a_keeper_that_another_one_replaces_saves_nothing_any_more():
    cluster = _after("a")
    keeper = cluster.begun()
    keeper.retire()
    keeper.touch()
    saved = len(cluster.checkpoints)
    with pytest.raises(Superseded, match="did not finish"):
        asyncio.run(keeper.save(0))
    assert len(cluster.checkpoints) == saved
