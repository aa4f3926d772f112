"""`watchkeeper rejected` on a real broker: its lists, and replays, which always count once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message
from typer.testing import Result

from tests.streams.cli.cli_runs import run
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.rejections import KEPT_VALUE_BYTES, REPLAY_HEADER, Reason, Rejection
from watchkeeper.streams.cli import originals
from watchkeeper.streams.cli import rejected as rejected_command
from watchkeeper.streams.cli.ledger import Filter
from watchkeeper.streams.cli.rejections import read_rejections
from watchkeeper.streams.cli.replaying import Replayer
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

Command = Callable[..., Result]
NOW_MS = round(datetime(2026, 1, 1, 1, tzinfo=UTC).timestamp() * 1000)
MONITOR = Monitor.model_validate(
    {
        "model": "delay",
        "owner": {"team": "ml"},
        "task": "binary-classification",
        "features": {"distance": {"type": "number"}},
        "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT1M"},
        "labels": {"expected_within": "PT1H"},
    }
)


class Ingest:
    """Ingest of all partitions as workers run it, one chunk for each topic."""

    def __init__(self, settings: Settings, *monitors: Monitor) -> None:
        self._settings = settings
        self._read: Counter[tuple[str, int]] = Counter()
        self.mend(*monitors)

    def mend(self, *monitors: Monitor) -> None:
        """Put monitors in force, and start again from snapshots."""
        before = [fold.snapshot() for fold in getattr(self, "folds", ())]
        registry = Registry.fixed({monitor.subject: Watched(monitor, {}) for monitor in monitors})
        partitions = self._settings.partitions
        self.folds = [IngestFold(number, partitions, registry) for number in range(partitions)]
        for fold, snapshot in zip(self.folds, before, strict=False):
            fold.restore(snapshot)

    def run(self, topic: str = "predictions") -> None:
        """Fold what is new on a topic; send what is rejected."""
        sender = producer(self._settings)
        for number, fold in enumerate(self.folds):
            fold.fold(topic, [as_record(message) for message in self._new(topic, number)], NOW_MS)
            for output in fold.outputs():
                if output.topic == "rejected":
                    sender.produce(topic_name(self._settings, "rejected"), output.value, output.key)
        assert sender.flush(30) == 0

    def _new(self, topic: str, number: int) -> list[Message]:
        first = self._read[topic, number]
        messages = list(read_to_end(self._settings, topic_name(self._settings, topic), number, first))
        self._read[topic, number] += len(messages)
        return messages

    def account(self, topic: str = "predictions") -> dict[str, int]:
        """Sum the accounts of a topic, without zeros."""
        accounts = [msgspec.structs.asdict(fold.partition.accounts[topic]) for fold in self.folds]
        return dict(sum(map(Counter, accounts), Counter()))


def as_record(message: Message) -> Record:
    return Record(
        message.offset(), message.timestamp()[1], message.key(), message.value(), message.headers() or ()
    )


@pytest.fixture
def command(settings: Settings) -> Command:
    """Run `watchkeeper rejected` against the broker of this test; it should end with the code."""

    def call(*arguments: object, code: int = 0) -> Result:
        result = run(
            "rejected",
            *arguments,
            WATCHKEEPER_BROKER=settings.broker,
            WATCHKEEPER_TOPIC_PREFIX=settings.topic_prefix,
            WATCHKEEPER_APPLICATION=settings.application,
        )
        assert result.exit_code == code, result.output
        return result

    return call


def prediction(row: int, **changes: Any) -> bytes:
    event = {"prediction_id": f"p{row}", "model": "delay", "event_time": "2026-01-01T00:00:00Z"}
    features = {"distance": row}
    return json.dumps({**event, "features": features, "prediction": {"score": 0.5}, **changes}).encode()


def publish(settings: Settings, values: list[bytes], topic: str = "predictions") -> None:
    sender = producer(settings)
    for row, value in enumerate(values):
        headers = [("ce_id", b"%d" % row)]
        sender.produce(topic_name(settings, topic), value, b"k%d" % row, partition=row % 4, headers=headers)
    assert sender.flush(30) == 0


def replays(settings: Settings, topic: str = "predictions") -> list[Message]:
    """The replays that lie on a topic."""
    numbers = range(settings.partitions)
    messages = (m for number in numbers for m in read_to_end(settings, topic_name(settings, topic), number))
    return [m for m in messages if m.headers() and m.headers()[-1][0] == REPLAY_HEADER]


def listed(command: Command, *options: str) -> list[dict[str, Any]]:
    return json.loads(command("list", "--json", "--limit", 1000, *options).stdout)


def reject(settings: Settings, *rejections: Rejection) -> None:
    sender = producer(settings)
    for rejection in rejections:
        sender.produce(
            topic_name(settings, "rejected"), msgspec.msgpack.encode(rejection), rejection.name.encode()
        )
    assert sender.flush(10) == 0


def rejection(i: int, **changes: Any) -> Rejection:
    reason: Reason = "unknown_model" if i % 2 else "malformed_json"
    message = "no monitor for it" if i % 2 else "Input data was [truncated]"
    whole = Rejection(
        *("predictions", i % 3, i, reason, message, 1_767_225_600_000 + i, 5, None),
        b"\xff" + str(i).encode(),
        [("ce_id", b"7")],
    )
    return msgspec.structs.replace(whole, **changes)


def test_rejected_events_are_listed_once_each_newest_first(command: Command, settings: Settings) -> None:
    reject(settings, *map(rejection, [*range(30), *range(30)]))  # all are repeated, as after a crash
    sender = producer(settings)
    sender.produce(topic_name(settings, "rejected"), b"garbage", b"k")
    assert sender.flush(10) == 0
    result = command("list", "--limit", 3)
    lines = result.stdout.splitlines()
    newest = ["predictions/2/29", "predictions/1/28", "predictions/0/27"]
    assert [line.split()[0] for line in lines] == ["event", *newest]
    assert "Input data was [truncated]" in lines[2]
    assert result.stderr.endswith("30 rejected\n")
    assert "is not a rejection and is skipped" in result.stderr
    assert {each["reason"] for each in listed(command, "--reason", "unknown_model")} == {"unknown_model"}
    assert (
        len(listed(command, "--since", "2026-01-01T00:00:00.010", "--until", "2026-01-01T00:00:00.015Z")) == 5
    )
    tally = json.loads(command("list", "--summary", "--json").stdout)
    counts = {"rejected": 15, "replayed": 0}
    assert tally == [
        {"topic": "predictions", "reason": "malformed_json", **counts},
        {"topic": "predictions", "reason": "unknown_model", **counts},
    ]


def test_one_rejected_event_is_shown_whole(command: Command, settings: Settings) -> None:
    reject(settings, *map(rejection, range(5)))
    document = json.loads(command("show", "predictions/1/4", "--json").stdout)
    assert {name: value for name, value in document.items() if value is not None} == {
        "event": "predictions/1/4",
        "reason": "malformed_json",
        "message": "Input data was [truncated]",
        "rejected_at": "2026-01-01T00:00:00.004+00:00",
        "size_bytes": 5,
        "headers": [["ce_id", "7"]],
        "value": "\\xff4",
    }
    result = command("show", "predictions/1/4")
    assert "header ce_id" in result.stdout
    assert result.stdout.endswith("\\xff4\n")
    assert "only the first 2 bytes are shown; the topic still has the whole event" in result.stderr
    output = command("show", "predictions/1/5", code=2).stderr
    assert output == "predictions/1/5: is not among the rejected events; see: watchkeeper rejected list\n"


def test_a_mended_monitor_and_a_replay_make_good_what_was_rejected(
    command: Command, settings: Settings
) -> None:
    ingest = Ingest(settings)
    publish(settings, [prediction(row) for row in range(40)] + [prediction(99, model="other")])
    ingest.run()
    assert ingest.account() == {"rejected": 41}
    output = command("list", "--limit", 1).stdout
    assert "apply one, then run: watchkeeper rejected replay --model other" in output
    assert (
        command("replay", "--model", "delay", "--dry-run").stderr
        == "40 would be replayed; nothing was replayed\n"
    )
    ingest.mend(MONITOR)
    result = command("replay", "--model", "delay", "--yes")
    assert result.stderr.startswith("40 replayed; events whose pane has closed count as late")
    ingest.run()
    assert ingest.account() == {"rejected": 41, "accepted": 40}
    again = replays(settings)
    assert len(again) == 40
    by_origin = {message.headers()[-1][1].decode(): message for message in again}
    for each in listed(command):
        replayed = each["event"] in by_origin
        assert (each["replayed_at"] is not None) == replayed
        if replayed:
            message = by_origin[each["event"]]
            assert each["replayed_as"] == f"predictions/{message.partition()}/{message.offset()}"
            assert message.partition() == int(each["event"].split("/")[1])
            assert (message.key().decode(), message.value().decode()) == (each["key"], each["value"])
            assert message.headers()[:-1] == [(name, text.encode()) for name, text in each["headers"]]


def test_a_replay_run_twice_publishes_once(command: Command, settings: Settings) -> None:
    ingest = Ingest(settings)
    publish(settings, [prediction(row) for row in range(8)])
    ingest.run()
    assert json.loads(command("replay", "--yes", "--json").stdout) == {"replayed": 8, "left": []}
    assert json.loads(command("replay", "--yes", "--json").stdout) == {"replayed": 0, "left": []}
    named = command("replay", "--yes", "--json", listed(command)[0]["event"])
    assert json.loads(named.stdout)["replayed"] == 0
    assert len(replays(settings)) == 8


class Killed(BaseException):
    """The command ends here."""


@pytest.mark.parametrize("topic", ["labels", "features"])
def test_a_replay_killed_between_publishing_and_noting_counts_once(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    view = Monitor.model_validate(
        {"feature_view": "delay", "owner": {"team": "ml"}, "features": {"distance": {"type": "number"}}}
    )
    ingest = Ingest(settings)
    values = {
        "labels": [
            json.dumps(
                {"prediction_id": f"p{row}", "model": "delay", "label_time": NOW_MS, "label": 1}
            ).encode()
            for row in range(12)
        ],
        "features": [prediction(row, feature_view="delay", model=None) for row in range(12)],
    }[topic]
    publish(settings, values, topic)
    ingest.run(topic)
    assert ingest.account(topic) == {"rejected": 12}
    ingest.mend(view if topic == "features" else MONITOR)

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Replayer, "_record", dies)
        with pytest.raises(Killed):
            command("replay", "--yes")
    assert {each["replayed_at"] for each in listed(command)} == {None}
    ingest.run(topic)  # what was published by then counts
    assert ingest.account(topic) == {"rejected": 12, "accepted": 12}
    assert json.loads(command("replay", "--yes", "--json").stdout)["replayed"] == 12
    assert len(replays(settings, topic)) == 24
    ingest.mend(view if topic == "features" else MONITOR)  # a restart on the way
    ingest.run(topic)
    assert ingest.account(topic) == {"rejected": 12, "accepted": 12, "duplicate": 12}


def chosen(settings: Settings) -> Iterator[Rejection]:
    return read_rejections(settings, Filter())


def test_of_two_replays_at_once_the_older_stops_and_each_event_counts_once(
    command: Command, settings: Settings
) -> None:
    ingest = Ingest(settings)
    publish(settings, [prediction(row) for row in range(10)])
    ingest.run()
    ingest.mend(MONITOR)
    older = Replayer(settings)
    read_by_it = list(chosen(settings))
    assert json.loads(command("replay", "--yes", "--json").stdout)["replayed"] == 10
    with pytest.raises(
        UserError, match="stopped after 0 events: another `watchkeeper rejected replay` has started"
    ):
        list(older.replay(read_by_it))
    ingest.run()
    account = ingest.account()
    assert (account["rejected"], account["accepted"]) == (10, 10)
    assert account["duplicate"] == len(replays(settings)) - 10


def test_what_is_rejected_again_can_be_replayed_again(command: Command, settings: Settings) -> None:
    ingest = Ingest(settings)
    publish(settings, [prediction(1)])
    ingest.run()
    command("replay", "predictions/0/0", "--yes")  # too early: there is no monitor yet
    ingest.run()
    assert ingest.account() == {"rejected": 2}
    second, first = listed(command)
    assert (first["event"], first["replayed_as"]) == ("predictions/0/0", second["event"])
    assert (second["replay_of"], second["replayed_at"]) == ("predictions/0/0", None)
    ingest.mend(MONITOR)
    command("replay", "--yes")
    ingest.run()
    assert ingest.account() == {"rejected": 2, "accepted": 1}
    headers = replays(settings)[-1].headers()
    assert [text for name, text in headers if name == REPLAY_HEADER] == [second["event"].encode()]
    assert command("list").stderr.endswith("2 rejected, 2 of them replayed\n")


def test_what_was_kept_in_part_is_read_from_its_topic_or_left(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "_PATIENCE_SECONDS", 2)
    ingest = Ingest(settings)
    large = [prediction(row, trace_id="x" * 2 * KEPT_VALUE_BYTES) for row in range(2)]
    publish(settings, large)
    ingest.run()
    gone = rejection(7, offset=5000, size_bytes=100_000)
    other = rejection(0, partition=0, offset=0, size_bytes=len(large[0]), value=b"another event")
    assert {each["event"] for each in listed(command)} == {"predictions/0/0", "predictions/1/0"}
    reject(settings, gone, msgspec.structs.replace(other, partition=1, offset=0, topic="labels"))
    result = command("replay", "--yes", "--json", code=1)
    printed = json.loads(result.stdout)
    why = "only a part of the event was kept, and its topic no longer has it"
    left = {each["event"]: each["why"] for each in printed["left"]}
    assert (printed["replayed"], left) == (2, {"predictions/1/5000": why, "labels/1/0": why})
    assert {message.value() for message in replays(settings)} == set(large)
    assert command("replay", "--yes", code=1).stderr.count("was not replayed: only a part") == 2


def test_an_unreadable_record_of_a_stage_is_replayed_to_it_once(command: Command, settings: Settings) -> None:
    headers = [("wk-source", b"ingest/0"), ("wk-sequence", b"9")]
    broken = rejection(3, topic="profiles", reason="unreadable", size_bytes=2, headers=headers)
    reject(settings, broken)
    command("replay", "--yes", "--topic", "profiles", "--reason", "unreadable")
    (message,) = replays(settings, "profiles")
    assert dict(message.headers()) == {
        "wk-source": b"replay/profiles/0/3",
        "wk-sequence": b"1",
        REPLAY_HEADER: b"profiles/0/3",
    }


def test_a_replay_requires_confirmation(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    reject(settings, rejection(0))
    output = command("replay", code=2).stderr
    assert output == "replaying 1 events requires confirmation on a terminal; pass --yes, or --dry-run\n"
    counts = []
    monkeypatch.setattr(rejected_command, "_confirmed", lambda count: counts.append(count))
    assert command("replay").stderr == "nothing was replayed\n"
    assert counts == [1]
    assert replays(settings) == []
