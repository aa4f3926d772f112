"""What the chunked transport relies on in the pinned Faust: private methods, and how they behave together."""

import asyncio
import inspect
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition as AioTP
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.conductor import Conductor
from faust.transport.consumer import Consumer
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from watchkeeper.streams.worker import transport

PARTITION = TP("predictions", 0)


def test_faust_is_the_version_whose_private_methods_we_know():
    assert faust.__version__ == "0.15.3"


def test_the_methods_that_are_overridden_still_exist_with_their_parameters():
    for name, parameters in {
        "getmany": ["self", "timeout"],
        "_wait_next_records": ["self", "timeout"],
        "_new_offset": ["self", "tp"],
        "_add_gap": ["self", "tp", "offset_from", "offset_to"],
        "perform_seek": ["self"],
        "_commit_offsets": ["self", "offsets", "start_new_transaction"],
        "resume_flow": ["self"],
        "on_partitions_revoked": ["self", "revoked"],
        "on_partitions_assigned": ["self", "assigned", "generation_id"],
    }.items():
        assert list(inspect.signature(getattr(Consumer, name)).parameters) == parameters
        assert name in vars(transport.ChunkConsumer)
    assert "generation_id" in inspect.signature(driver.ConsumerMessage).parameters


def test_a_fetch_that_finds_nothing_ends_soon(monkeypatch):
    kafka = SimpleNamespace(_fetch_max_wait_ms=1500)
    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: kafka)
    thread = transport.ChunkConsumerThread.__new__(transport.ChunkConsumerThread)
    assert thread._create_worker_consumer(None)._fetch_max_wait_ms == transport.FETCH_WAIT_MS < 1500


def test_the_setting_for_the_wait_of_a_fetch_is_where_we_change_it():
    assert "self._fetch_max_wait_ms = fetch_max_wait_ms" in inspect.getsource(aiokafka.AIOKafkaConsumer)
    assert "AIOKafkaConsumerThread" in inspect.getsource(driver.Consumer._new_consumer_thread)


def test_faust_does_nothing_but_sleep_where_we_do_not_wait_for_tables():
    source = inspect.getsource(TableManager.on_start)
    steps = "await self.sleep(1.0)", "await self._update_channels()", "await self.recovery.start()"
    assert [line.strip() for line in source.splitlines() if "await" in line] == list(steps)
    assert "wait_until_tables_registered" in inspect.getsource(Conductor._subscriber.fun)


def test_records_are_handed_on_as_aiokafka_parsed_them():
    transport.register()
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 9999)
    builder.append(0, 1_234, b"key", b"value", [("name", b"content")])
    buffer = MemoryRecords(bytes(builder.build()))
    [record] = PartitionRecords(AioTP("t", 0), buffer, set(), 0, None, None, True, 0)
    assert (record.offset, record.timestamp, record.key, record.value) == (0, 1_234, b"key", b"value")
    assert list(record.headers) == [("name", b"content")]


def test_the_scheme_gives_our_transport():
    transport.register()
    assert TRANSPORTS.by_url("chunked://localhost:9092") is transport.ChunkTransport


def _consumer(**changes: Any) -> transport.ChunkConsumer:
    consumer = transport.ChunkConsumer.__new__(transport.ChunkConsumer)
    consumer._acked = {PARTITION: []}
    consumer._acked_index = {PARTITION: set()}
    consumer._fetched, consumer._next = {}, {}
    consumer._thread = SimpleNamespace(assignment=set)
    consumer.flow_active = True
    for name, value in changes.items():
        setattr(consumer, name, value)
    return consumer


def test_a_commit_goes_to_the_end_of_the_last_acked_chunk_over_gaps():
    consumer = _consumer()
    consumer._acked[PARTITION] = [99, 250, 700]
    consumer._acked_index[PARTITION] = {99, 250, 700}
    assert consumer._new_offset(PARTITION) == 701
    assert consumer._new_offset(PARTITION) is None
    assert consumer._acked_index[PARTITION] == set()


@pytest.mark.asyncio
async def test_a_commit_that_failed_is_tried_again_and_one_of_an_old_assignment_is_forgotten(monkeypatch):
    answers, tried = [False, True, True], []

    async def commit(self, offsets, start_new_transaction=True):
        tried.append(dict(offsets))
        self._committed_offset.update(offsets)  # as stock Faust does, whatever came of it
        return answers[len(tried) - 1]

    monkeypatch.setattr(driver.Consumer, "_commit_offsets", commit)
    consumer = _consumer(_committed_offset=defaultdict(lambda: None), _read_offset={}, _gap={})
    consumer._thread = SimpleNamespace(assignment=lambda: {PARTITION})
    consumer._acked[PARTITION] = [7]
    for _ in range(3):
        if offsets := consumer._filter_committable_offsets([PARTITION]):
            await consumer._commit_offsets(offsets)
    assert tried == [{PARTITION: 8}, {PARTITION: 8}]
    await consumer.perform_seek()
    consumer._acked[PARTITION] = [7]
    assert consumer._filter_committable_offsets([PARTITION]) == {PARTITION: 8}


def _record(offset: int) -> Any:
    return SimpleNamespace(offset=offset, timestamp=1_000, timestamp_type=0)


def _fetch(monkeypatch: Any, fetched: Any, **changes: Any) -> tuple[list[Any], transport.ChunkConsumer]:
    monkeypatch.setattr(transport.ChunkConsumer, "should_stop", False, raising=False)
    app = SimpleNamespace(consumer_generation_id=5, client_only=False)
    consumer = _consumer(app=app, _read_offset={}, **changes)

    async def wait_next_records(timeout: float) -> Any:  # noqa: ASYNC109
        return fetched, None

    consumer._wait_next_records = wait_next_records

    async def collect() -> list[Any]:
        return [pair async for pair in consumer.getmany(1.0)]

    return asyncio.run(collect()), consumer


def test_one_event_for_each_partition_that_had_records(monkeypatch):
    chunks = {PARTITION: [_record(3), _record(9)], TP("predictions", 1): []}
    found, _ = _fetch(monkeypatch, chunks)
    [(tp, message)] = found
    assert tp == PARTITION
    assert (message.offset, message.generation_id) == (9, 5)
    assert [record.offset for record in message.value] == [3, 9]


def test_while_the_flow_is_stopped_records_are_not_yielded(monkeypatch):
    found, _ = _fetch(monkeypatch, {PARTITION: [_record(3)]}, flow_active=False)
    assert found == []


@pytest.mark.parametrize(("flow_active", "sought"), [(False, [(PARTITION, 3)]), (True, [])])
def test_what_a_fetch_brings_while_the_flow_is_stopped_goes_back_at_once(monkeypatch, flow_active, sought):
    # Also where nothing has been committed: aiokafka's way back to what is committed leaves that as it is.
    assert "if offset and offset > 0:" in inspect.getsource(aiokafka.AIOKafkaConsumer.seek_to_committed)
    fetched = {PARTITION: [_record(3), _record(9)], TP("predictions", 1): []}
    gone_back: list[tuple[TP, int]] = []

    async def stock(*_: Any) -> Any:
        return fetched

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", stock)
    thread = transport.ChunkConsumerThread.__new__(transport.ChunkConsumerThread)
    thread.consumer = SimpleNamespace(flow_active=flow_active)
    kafka = SimpleNamespace(_fetcher=SimpleNamespace(seek_to=lambda *where: gone_back.append(where)))
    assert asyncio.run(thread._fetch_records(kafka, {PARTITION}, 1.0, 500)) == (
        fetched if flow_active else {}
    )
    assert gone_back == sought


def test_the_flow_stands_still_from_a_revocation_until_the_new_assignment_is_in_place(monkeypatch):
    async def stock(*_: Any) -> None:
        """Faust's own."""

    monkeypatch.setattr(Consumer, "on_partitions_revoked", stock)
    monkeypatch.setattr(Consumer, "on_partitions_assigned", stock)
    consumer = _consumer(can_resume_flow=asyncio.Event(), suspend_flow=asyncio.Event())
    asyncio.run(consumer.on_partitions_revoked(set()))  # a worker that had nothing
    assert not consumer.flow_active
    consumer.resume_flow()  # the end of the rebalance before this one
    assert not consumer.flow_active
    asyncio.run(consumer.on_partitions_assigned({PARTITION}, 2))
    assert not consumer.flow_active
    consumer.resume_flow()
    assert consumer.flow_active


def test_the_end_of_a_rebalance_asks_no_broker():
    # Faust would wait for it as long as for any answer, and then never resume again.
    assert "raise ServiceStopped()" in inspect.getsource(Recovery._wait)
    consumer = _consumer(_read_offset={PARTITION: 17}, _committed_offset={PARTITION: 18}, _thread=None)
    asyncio.run(consumer.perform_seek())
    assert consumer._read_offset == consumer._committed_offset == {}


def test_a_new_assignment_begins_without_a_position_of_the_last():
    async def position() -> int | None:
        return Assignment({PARTITION}).state_value(PARTITION)._position

    assert asyncio.run(position()) is None


def _told(monkeypatch: Any, now_ms: int, told_ms: int | None) -> int | None:
    """The end of a partition that a fetch told at one time, asked at another."""
    kafka = SimpleNamespace(last_poll_timestamp=lambda _: told_ms, last_stable_offset=lambda _: 17)
    monkeypatch.setattr(transport, "wall_ms", lambda: now_ms)
    thread = SimpleNamespace(_ensure_consumer=lambda: kafka, highwater=lambda _: 17)
    ends = _consumer(_thread=thread).end_offsets(PARTITION)
    return None if ends is None else ends[1]


def test_an_end_that_no_fetch_has_told_of_late_is_not_known(monkeypatch):
    assert _told(monkeypatch, 10_000, 9_950) == 17
    assert _told(monkeypatch, 10_000 + transport.KNOWN_MS, 9_950) is None  # the broker is away
    assert _told(monkeypatch, 10_000, 3_610_000) is None  # the clock was set back meanwhile
    assert _told(monkeypatch, 10_000, None) is None


def test_what_tells_whether_the_broker_answers_is_where_we_look_for_it():
    from aiokafka.cluster import ClusterMetadata

    cluster = ClusterMetadata()
    assert cluster._last_successful_refresh_ms == 0
    assert "self._client = AIOKafkaClient(" in inspect.getsource(aiokafka.AIOKafkaConsumer)
    assert "tp_state.timestamp = now_ms" in inspect.getsource(inspect.getmodule(PartitionRecords))
    consumer = _consumer(_thread=SimpleNamespace(_consumer=None))
    assert consumer.silence_ms == 0


def test_a_quiet_partition_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Faust would log an error for a partition whose last record is older than five minutes."""
    with caplog.at_level("DEBUG"):
        quiet = object.__new__(transport.ChunkConsumer)
        quiet.verify_event_path(1e9, TP("findings", 3))
    assert caplog.records == []
