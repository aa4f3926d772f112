"""How far a partition is read: ends of transactions are nothing to wait for, open transactions are."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.subscription_state import Assignment
from aiokafka.structs import TopicPartition
from faust.types import TP

from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.worker import transport
from watchkeeper.streams.worker.worker import Worker

LABELS = TP("labels", 0)


def _consumer(position: int | None, stable: int | None = 11, end: int = 11) -> transport.ChunkConsumer:
    """A consumer that goes on at a position, and was told of these ends just now."""
    consumer = transport.ChunkConsumer.__new__(transport.ChunkConsumer)
    consumer._fetched, consumer._next = {}, {}
    # The position is a property that asserts, as aiokafka's.
    place = type("Place", (), {"position": property(lambda _: _known(position))})()
    assignment = SimpleNamespace(state_value=lambda _: place)
    kafka = SimpleNamespace(
        _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)),
        last_poll_timestamp=lambda _: transport.wall_ms(),
        last_stable_offset=lambda _: stable,
    )
    consumer._thread = SimpleNamespace(
        _ensure_consumer=lambda: kafka, highwater=lambda _: end, assignment=lambda: {LABELS}
    )
    return consumer


def _known(position: int | None) -> int:
    assert position is not None
    return position


def _chunk(*offsets: int) -> dict[Any, Any]:
    return {TopicPartition("labels", 0): [SimpleNamespace(offset=offset) for offset in offsets]}


def test_the_position_is_where_aiokafka_keeps_it():
    async def position() -> int:
        state = Assignment([LABELS]).state_value(LABELS)
        state.reset_to(11)
        return int(state.position)

    assert asyncio.run(position()) == 11


def test_what_is_no_record_is_not_waited_for_once_all_before_it_is_folded():
    consumer = _consumer(position=11)
    consumer._note_positions(_chunk(7, 9))  # at 10 a transaction ended
    assert consumer.next_offset(LABELS, 8) == 8  # fetched, and not folded yet
    assert consumer.next_offset(LABELS, 10) == 11
    assert consumer.next_offset(LABELS, 20) == 20  # what is fetched again has been folded


def test_an_end_of_a_transaction_alone_is_read_too():
    consumer = _consumer(position=10)
    consumer._note_positions(_chunk(9))
    assert consumer.next_offset(LABELS, 10) == 10
    consumer._thread._ensure_consumer()._subscription.subscription.assignment = _consumer(
        position=11
    )._kafka._subscription.subscription.assignment
    consumer._note_positions({})
    assert consumer.next_offset(LABELS, 10) == 11


def test_a_partition_that_has_no_place_yet_is_where_it_was_folded_to():
    consumer = _consumer(position=None)
    consumer._note_positions({})
    assert consumer.next_offset(LABELS, 10) == 10


def test_brokers_that_know_no_transactions_have_one_end():
    assert _consumer(11, stable=None).end_offsets(LABELS) == (11, 11)
    assert _consumer(11, stable=-1).end_offsets(LABELS) == (11, 11)
    assert _consumer(11, stable=5).end_offsets(LABELS) == (5, 11)


class Lag:
    """A worker with ingest on one partition, as far as lag looks at it."""

    def __init__(self, consumer: transport.ChunkConsumer, folded: int) -> None:
        self.told: list[str] = []
        self.records: int | None = None
        fold = IngestFold.__new__(IngestFold)
        fold.caught_up = lambda *_: self.told.append("caught up")  # type: ignore[method-assign]
        fold.end_unknown = lambda _: self.told.append("out of sight")  # type: ignore[method-assign]
        self.keeper = SimpleNamespace(stage="ingest", fold=fold, waiting={}, position=lambda _: folded)
        worker = Worker.__new__(Worker)
        worker._topics = {"labels": (SimpleNamespace(name="ingest"), "labels")}  # type: ignore[dict-item]
        worker.keepers = {("ingest", 0): self.keeper}  # type: ignore[dict-item]
        worker.app = SimpleNamespace(consumer=consumer)  # type: ignore[assignment]
        worker.log_watch = SimpleNamespace(is_exact=True)  # type: ignore[assignment]
        worker._metrics = SimpleNamespace(observe_lag=self._observe)  # type: ignore[assignment]
        worker._follow_lag(LABELS, 0)

    def _observe(self, *given: Any) -> None:
        self.records = given[-1]


def test_after_the_end_of_a_transaction_a_partition_is_caught_up():
    consumer = _consumer(position=11)
    consumer._note_positions(_chunk(9))
    lag = Lag(consumer, folded=10)
    assert (lag.records, lag.keeper.waiting, lag.told) == (0, {"labels": 0}, ["caught up"])


def test_an_open_transaction_is_lag_but_not_work_and_nobody_is_idle_meanwhile():
    consumer = _consumer(position=11, stable=11, end=61)
    consumer._note_positions(_chunk(9))
    lag = Lag(consumer, folded=10)
    assert (lag.records, lag.keeper.waiting, lag.told) == (50, {"labels": 0}, [])


def test_what_is_fetched_and_not_folded_waits():
    consumer = _consumer(position=11)
    consumer._note_positions(_chunk(8, 9))
    lag = Lag(consumer, folded=8)
    assert (lag.records, lag.keeper.waiting, lag.told) == (3, {"labels": 3}, [])


def test_while_the_broker_is_away_no_end_is_known():
    consumer = _consumer(position=11)
    consumer._thread._ensure_consumer().last_poll_timestamp = lambda _: None
    assert Lag(consumer, folded=10).told == ["out of sight"]


def test_an_end_before_the_position_is_that_of_another_log_and_never_the_end():
    consumer = _consumer(position=11, end=4)
    consumer._note_positions(_chunk(9))
    lag = Lag(consumer, folded=10)
    assert (lag.records, lag.keeper.waiting, lag.told) == (None, {}, ["out of sight"])


def test_workers_read_only_what_is_committed(monkeypatch):
    from aiokafka import AIOKafkaConsumer

    kafka = SimpleNamespace(_isolation_level="read_uncommitted")
    monkeypatch.setattr(transport.driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: kafka)
    thread = transport.ChunkConsumerThread.__new__(transport.ChunkConsumerThread)
    assert thread._create_worker_consumer(None)._isolation_level == "read_committed"
    assert "_isolation_level" in AIOKafkaConsumer.start.__code__.co_names
