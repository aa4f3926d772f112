"""What a stage reads, writes and delivers to is declared once, and nothing goes to what is not declared."""

import ast
import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.errors import DeclarationError, UndeclaredOutput
from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold.checkpoint import Checkpoint, UnreadableCheckpoint
from watchkeeper.streams.fold.keeper import Keeper
from watchkeeper.streams.fold.outlet import KafkaOutlet, always
from watchkeeper.streams.fold.protocol import BaseFold, Message, Record
from watchkeeper.streams.ingest.accounts import Account, LabelAccount
from watchkeeper.streams.ingest.observed import observe_ingest
from watchkeeper.streams.ingest.quarantine import RejectedLimit
from watchkeeper.streams.ingest.quotas import QUOTAS
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.metrics.outcomes import EVENT_OUTCOMES, LABEL_OUTCOMES, QUOTA_NAMES
from watchkeeper.streams.metrics.series_bound import series_bound
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.sinks import SINKS
from watchkeeper.streams.stage import Stage, check_stages, nothing
from watchkeeper.streams.stages import observe_notify, observe_page, stages
from watchkeeper.streams.topics.access import rights
from watchkeeper.streams.topics.flow import (
    DESTINATIONS,
    FLOWS,
    SINK_NAMES,
    TOPIC_NAMES,
    Flow,
    SinkName,
    TopicName,
    delivering,
    internal_topics,
)
from watchkeeper.streams.topics.topics import TOPICS, is_topic, known_topic
from watchkeeper.streams.worker.stage_metrics import Observer
from watchkeeper.streams.worker.worker import Worker

ROOT = Path(__file__).parents[3]
HOOK = cast("SinkName", "hook")
"""A sink that does not exist; a real one is a value of `SinkName`."""
DUMMY = Flow("dummy", ("retraining",), ("rejected",), (HOOK,))
"""A fifth stage: it reads what page writes, and delivers to a sink of its own."""


class DummyFold(BaseFold):
    """Sends a message for each record to one destination; its whole state is their number."""

    def __init__(self, destination: str = HOOK) -> None:
        self._destination = destination
        self.count = 0
        self._outputs: list[Message] = []

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        self.count += len(records)
        self.revision += 1
        self._outputs += [Message(cast("Any", self._destination), b"k", r.value or b"") for r in records]

    def tick(self, now_ms: int) -> None: ...

    def outputs(self) -> list[Message]:
        outputs, self._outputs = self._outputs, []
        return outputs

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self.count)

    def restore(self, state: bytes) -> None:
        self.count = msgspec.msgpack.decode(state)


class Heard:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def deliver(self, messages: list[Message], is_current: Any = always) -> None:
        self.messages += messages

    async def close(self) -> None: ...


class InMemory:
    """A store of checkpoints."""

    def __init__(self) -> None:
        self.saved: list[Checkpoint] = []

    async def load(self, stage: str, partition: int) -> tuple[Checkpoint | None, None]:
        return (self.saved[-1] if self.saved else None), None

    async def save(self, stage: str, partition: int, checkpoint: Checkpoint, fence: object) -> int:
        self.saved.append(checkpoint)
        return 1


@pytest.fixture
def nowhere() -> Settings:
    return Settings(broker="127.0.0.1:1")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def test_names_and_tables_have_the_same_topics_and_sinks() -> None:
    assert tuple(TOPICS) == TOPIC_NAMES
    assert tuple(SINKS) == SINK_NAMES
    assert not set(TOPIC_NAMES) & set(SINK_NAMES)
    assert len(DESTINATIONS) == len(TOPIC_NAMES) + len(SINK_NAMES)


def test_every_flow_has_its_stage() -> None:
    bound = stages(Settings(), Registry.fixed({}))
    assert tuple(stage.flow for stage in bound) == FLOWS
    check_stages(bound, SINKS)


@pytest.mark.parametrize("number", [0, 3])
def test_each_stage_declares_where_its_rejections_go_and_names_its_partition(number: int) -> None:
    for stage in stages(Settings(), Registry.fixed({})):
        for topic in stage.reads:
            fold = stage.fold(number)
            fold.fold(topic, [Record(7, 0, None, b"{"), Record(8, 0, None, b"")], 0)
            sent = [each for each in fold.outputs() if each.topic in stage.flow.destinations]
            assert [each.key for each in sent] == [f"{topic}/{number}/{n}".encode() for n in (7, 8)]


def test_settings_reach_the_folds() -> None:
    settings = Settings(
        partitions=3, idle_seconds=2.5, rejected_share_max=0.25, rejected_events_min=40,
        runbooks="https://runbooks.example/",
    )  # fmt: skip
    ingest, evaluate, page, _ = (stage.fold(1) for stage in stages(settings, Registry.fixed({})))
    assert ingest._idle_ms == 2500
    assert ingest.gate._limit == RejectedLimit(0.25, 40)
    assert ingest.partition.partitions == 3
    assert evaluate._sources == ["ingest/0", "ingest/1", "ingest/2"]
    assert page._runbooks == settings.runbooks


def test_each_fold_has_its_metrics() -> None:
    assert {
        stage.name: (stage.observe_saved, stage.observe_changed)
        for stage in stages(Settings(), Registry.fixed({}))
    } == {
        "ingest": (observe_ingest, nothing),
        "evaluate": (nothing, nothing),
        "page": (nothing, observe_page),
        "notify": (nothing, observe_notify),
    }


def test_outcomes_are_those_of_the_accounts() -> None:
    assert Account.__struct_fields__ == EVENT_OUTCOMES
    assert (*LabelAccount.__struct_fields__, "evicted") == LABEL_OUTCOMES
    assert QUOTAS == QUOTA_NAMES


def test_the_worker_knows_no_stage_but_by_its_declaration() -> None:
    known = [
        *(ROOT / "streams/worker").glob("*.py"),
        *(ROOT / "streams/fold").glob("*.py"),
        ROOT / "streams/stage.py",
    ]
    assert len(known) > 20
    for path in known:
        if path.name == "run.py":  # it binds the stages to the worker
            continue
        tree = ast.parse(path.read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        stages = (
            "watchkeeper.streams.ingest",
            "watchkeeper.streams.evaluate",
            "watchkeeper.streams.page.stage",
            "watchkeeper.streams.notify.stage",
            "watchkeeper.streams.stages",
        )
        assert [each for each in imported if str(each).startswith(stages)] == []


# What names something that does not exist


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        (DUMMY, "the stage dummy delivers to the sink 'hook'; add it to streams/sinks.py"),
        (
            Flow("dummy", cast("Any", ("retrainin",)), ()),
            "names the topic 'retrainin'; add it to streams/topics",
        ),
        (Flow("dummy", (), cast("Any", ("statistcs",))), "names the topic 'statistcs'"),
        (Flow("page", (), ()), "two stages have the name 'page'"),
        (Flow("dummy", ("alerts",), ()), "two stages read the topic 'alerts'"),
    ],
)
def test_a_worker_with_a_wrong_declaration_does_not_start(
    flow: Flow, message: str, nowhere: Settings, metrics: Metrics
) -> None:
    bound = [*stages(nowhere, Registry.fixed({})), Stage(flow, lambda _: DummyFold())]
    with pytest.raises(DeclarationError, match=message):
        Worker(nowhere, bound, {"notify": Heard()}, metrics)


def test_a_worker_without_a_sink_that_a_stage_needs_does_not_start(
    nowhere: Settings, metrics: Metrics
) -> None:
    with pytest.raises(DeclarationError, match="the stage notify delivers to the sink 'notify'"):
        Worker(nowhere, stages(nowhere, Registry.fixed({})), {}, metrics)


def test_a_name_is_no_topic_and_sink_at_once() -> None:
    with pytest.raises(DeclarationError, match="'alerts' is a topic and a sink"):
        check_stages([], ["notify", "alerts"])


@pytest.mark.parametrize("destination", ["webhook", "statistcs", "notify"])
def test_kafka_gets_no_topic_for_what_is_neither_a_topic_nor_a_registered_sink(
    destination: Any, nowhere: Settings
) -> None:
    outlet = KafkaOutlet(nowhere)
    try:
        for sent in (outlet.deliver("page/0", 1, [Message(destination, b"", b"")]),
                     outlet.announce([Message(destination, b"", b"")])):  # fmt: skip
            with pytest.raises(UndeclaredOutput, match=repr(destination)):
                asyncio.run(sent)
    finally:
        outlet.close()


@pytest.mark.parametrize("destination", ["statistcs", "notify", "findings"])
def test_a_fold_that_sends_to_what_its_stage_does_not_declare_stops_before_anything_is_saved(
    destination: str,
) -> None:
    store, outlet, acks = InMemory(), Heard(), []
    keeper = Keeper(
        "dummy",
        0,
        DummyFold(destination),
        cast("Any", store),
        cast("Any", outlet),
        always,
        DUMMY.destinations,
    )
    asyncio.run(keeper.take("retraining", [Record(0, 0, b"k", b"v")], lambda: acks.append(1), 0))
    with pytest.raises(UndeclaredOutput, match=f"dummy/0 sends a message to '{destination}'"):
        keeper.due(10_000, 1000, 50)
    with pytest.raises(Exception, match="its last save did not finish"):
        asyncio.run(keeper.save(0))  # as at a shutdown: it would forget the message
    assert (store.saved, outlet.messages, acks) == ([], [], [])


def test_names_from_outside_are_checked() -> None:
    assert known_topic("labels") == "labels"
    assert not is_topic("notify")
    with pytest.raises(LookupError, match="there is no topic 'notify'"):
        known_topic("notify")


MISTAKES = """
from watchkeeper.streams.topics.flow import Flow, SinkName
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

Message("statistics", b"", b"")
Message("notify", b"", b"")
Message("statistcs", b"", b"")
Message("webhook", b"", b"")
topic_name(Settings(), "notify")
Flow("page", ("notify",), (), ())
Flow("page", (), (), ("alerts",))
sink: SinkName = "alerts"
"""


@pytest.mark.timeout(300)
def test_a_misspelled_name_and_a_sink_in_place_of_a_topic_are_type_errors(tmp_path: Path) -> None:
    file = tmp_path / "mistakes.py"
    file.write_text(MISTAKES)
    command = ["mypy", "--config-file", "", "--follow-imports=silent", "--ignore-missing-imports"]
    checked = subprocess.run(
        [sys.executable, "-m", *command, "--cache-dir", tmp_path / "cache", file],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [int(line.split(":")[1]) for line in checked.stdout.splitlines() if ": error:" in line]
    assert lines == [9, 10, 11, 12, 13, 14], checked.stdout + checked.stderr


# The encoding of messages


def test_a_message_is_on_the_wire_what_it_was_before_topics_and_sinks_were_types() -> None:
    old = msgspec.msgpack.encode([["notify", b"k", b"v", None], ["profiles", b"k", b"v", 3]])
    read = msgspec.msgpack.decode(old, type=list[Message])
    assert read == [Message("notify", b"k", b"v"), Message("profiles", b"k", b"v", 3)]
    assert msgspec.msgpack.encode(read) == old


def test_a_checkpoint_that_owes_something_to_an_unknown_sink_is_refused() -> None:
    owed = Message(cast("Any", "webhook"), b"k", b"v")
    written = wire.encode(Checkpoint(wire.VERSION, {}, 1, {}, [owed], b"", "page/0"))
    with pytest.raises(UnreadableCheckpoint, match=r"checkpoint page/0 is damaged: .*'webhook'"):
        wire.decode(written, "page/0")


# A fifth stage: its declaration is all that the others need


def test_a_new_stage_has_its_rights_bounds_topics_and_health() -> None:
    flows = (*FLOWS, DUMMY)
    before, after = ({str(r) for r in rights(Settings(), "worker", each)} for each in (FLOWS, flows))
    assert after - before == {"Read on topic retraining"}
    assert internal_topics(flows) - internal_topics(FLOWS) == {"retraining"}
    assert delivering(flows) == {"notify", "dummy"}
    assert series_bound(1, 1, 0, flows).own > series_bound(1, 1, 0).own


def test_a_fold_that_comes_anew_is_observed_although_it_has_the_same_revision(metrics: Metrics) -> None:
    seen: list[DummyFold] = []
    stage = Stage(DUMMY, lambda _: DummyFold(), observe_changed=lambda _, __, fold: seen.append(fold))
    observer, first, second = Observer(metrics, [stage]), DummyFold(), DummyFold()
    for fold in (first, first, second, second):
        observer.look(stage.name, 0, fold)
    assert seen == [first, second]


def test_a_new_stage_runs_and_is_observed(metrics: Metrics) -> None:
    seen: list[tuple[str, int]] = []
    stage = Stage(
        DUMMY,
        lambda _: DummyFold(),
        observe_saved=lambda _, __, fold: seen.append(("saved", fold.count)),
        observe_changed=lambda _, __, fold: seen.append(("changed", fold.count)),
    )
    check_stages([*stages(Settings(), Registry.fixed({})), stage], [*SINKS, "hook"])
    hook, store, observer = Heard(), InMemory(), Observer(metrics, [stage])

    class Outlet:
        async def deliver(self, source: str, first: int, messages: Any, is_current: Any = None) -> None:
            await hook.deliver(list(messages))

        async def announce(self, messages: Any) -> None: ...

    fold, to = stage.fold(0), stage.flow.destinations
    keeper = Keeper(stage.name, 0, fold, cast("Any", store), Outlet(), always, to)
    topic: TopicName = stage.reads[0]
    asyncio.run(keeper.take(topic, [Record(0, 0, b"k", b"v")], lambda: None, 0))
    for _ in range(2):
        observer.look(stage.name, 0, fold)
    assert asyncio.run(keeper.save(0)) == [Message(HOOK, b"k", b"v")]
    observer.saved(stage.name, 0, fold)
    assert hook.messages == [Message(HOOK, b"k", b"v")]
    assert seen == [("changed", 1), ("saved", 1)]
    assert store.saved[0].sequence == 1
