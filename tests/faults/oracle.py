"""The result of an undisturbed fold of the same records, and how a disturbed run differs from it.

The oracle reads the event topics completely and folds them in this process, stage by stage, without a group,
checkpoints or network. It folds twice, in different chunks and orders of topics, and both results must be
equal. A recount that shares no code with the folds must find the same rows in the same windows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME
from confluent_kafka import Message as KafkaMessage

from tests.faults.recount import Window, recount
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.config.state import Configuration
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.checkpoint import decode
from watchkeeper.streams.fold.formats import SEQUENCE_HEADER, SOURCE_HEADER
from watchkeeper.streams.fold.parts import Assembly
from watchkeeper.streams.fold.protocol import LOG_APPEND_TIME, Fold, Message, Record
from watchkeeper.streams.ingest.accounts import Account
from watchkeeper.streams.ingest.partition import Partition, PartitionState
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.kafka.client import read_to_end
from watchkeeper.streams.page.stage import PageFold
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

EVENTS = ("predictions", "labels", "features")
OUTCOMES = ("profiles", "statistics", "findings", "alerts", "retraining")
CLOCKED_CHECKS = {"rejected", "clock", "late"}
CLOCKED_ALERTS = {"RejectedShareHigh", "PublisherClockWrong", "EventsLate"}
"""They depend on when a worker reports the account of a subject, so they are not compared to the byte."""
FOLDED_AT_MS = 4_102_444_800_000
"""The oracle's only clock, far ahead of all event times."""

Log = dict[int, list[Record]]
Rejected = dict[str, tuple[str, bytes]]


class Outcome(NamedTuple):
    """All published records and how often, by topic, partition (where it matters) and value."""

    outputs: dict[str, Counter[bytes]]
    rejected: Rejected
    accounts: dict[str, int]
    """The account of all events, and of the accepted labels, over all partitions."""


class Difference(NamedTuple):
    """The differences of a run from the oracle. Empty if they are equal."""

    lost: list[str]
    doubled: list[str]

    @property
    def is_none(self) -> bool:
        """Whether both are equal."""
        return not self.lost and not self.doubled


class Monitors:
    """The registry of the oracle. It holds what was applied before the stream."""

    generation = 1

    def __init__(self, monitors: Iterable[Monitor]) -> None:
        configuration = Configuration()
        for monitor in monitors:
            configuration.learn("monitors", monitor.subject.encode(), monitor.model_dump_json().encode())
        self._watched = {name: configuration.watched(name) for name in configuration.subjects()}

    def get(self, subject: str) -> Any:
        """Return the configuration of a subject."""
        return self._watched.get(subject)

    def subjects(self) -> list[str]:
        """Return all subjects."""
        return list(self._watched)


def read_log(settings: Settings, topic: str) -> Log:
    """Read all records of a topic, by partition."""
    return {
        number: [
            Record(m.offset(), m.timestamp()[1], m.key(), m.value(), m.headers() or (), _by_broker(m))
            for m in read_to_end(settings, topic_name(settings, topic), number)
        ]
        for number in range(settings.partitions)
    }


def expect(settings: Settings, monitors: Sequence[Monitor]) -> Outcome:
    """Fold the event topics. Assert that the order of reading does not matter."""
    logs = {topic: read_log(settings, topic) for topic in EVENTS}
    first = fold(logs, monitors, settings.partitions, EVENTS, 500)
    second = fold(logs, monitors, settings.partitions, EVENTS[::-1], 7001)
    difference = compare(second, first)
    assert difference.is_none, f"the oracle depends on the order of reading: {difference}"
    events = sum(len(records) for log in logs.values() for records in log.values())
    known = sum(first.accounts[name] for name in Account.__struct_fields__)
    assert known == events, f"of {events} events: {first.accounts}"
    counted, rows = recount(logs["predictions"], monitors[0]), _rows_published(first, monitors[0].subject)
    assert {window: counted[window] for window in rows} == rows, f"{rows} but counted {counted}"
    return first


def _by_broker(message: KafkaMessage) -> int:
    return LOG_APPEND_TIME if message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME else 0


def _rows_published(outcome: Outcome, subject: str) -> dict[Window, int]:
    """Return the number of predictions of each window and segment, according to the statistics."""
    windows = (msgspec.json.decode(value, type=WindowStatistics) for value in outcome.outputs["statistics"])
    return {
        (w.window_start_ms, w.segment): w.rows
        for w in windows
        if w.subject == subject and w.kind == "predictions"
    }


def fold(
    logs: dict[str, Log], monitors: Sequence[Monitor], partitions: int, order: Sequence[str], chunk: int
) -> Outcome:
    """Fold logs of events through all stages."""
    registry: Any = Monitors(monitors)
    sources = [f"ingest/{number}" for number in range(partitions)]
    folds = [IngestFold(number, partitions, registry, idle_ms=2**60) for number in range(partitions)]
    ingested: list[Message] = []
    for number, ingest in enumerate(folds):
        ingested += _interleaved(ingest, {topic: logs[topic][number] for topic in order}, chunk)
    later = _stage(ingested, "profiles", partitions, lambda: EvaluateFold(registry, sources))
    later += _stage(later, "findings", partitions, lambda: PageFold(registry))
    rejected = [msgspec.msgpack.decode(m.value, type=Rejection) for m in ingested if m.topic == "rejected"]
    return Outcome(
        {topic: Counter(m.value for m in (*ingested, *later) if m.topic == topic) for topic in OUTCOMES},
        {_place(each): (each.reason, each.value) for each in rejected},
        _accounts(each.partition for each in folds),
    )


def _interleaved(ingest: IngestFold, logs: dict[str, list[Record]], chunk: int) -> list[Message]:
    outputs: list[Message] = []
    longest = max(map(len, logs.values()), default=0)
    for start in range(0, longest, chunk):
        for topic, records in logs.items():
            if part := records[start : start + chunk]:
                ingest.fold(topic, part, FOLDED_AT_MS)
                outputs += ingest.outputs()
    return outputs


def _stage(inputs: Sequence[Message], topic: str, partitions: int, make: Callable[[], Fold]) -> list[Message]:
    outputs: list[Message] = []
    for number in range(partitions):
        stage = make()
        mine = [m for m in inputs if m.topic == topic and m.partition == number]
        stage.fold(topic, [Record(i, 0, m.key, m.value) for i, m in enumerate(mine)], FOLDED_AT_MS)
        outputs += stage.outputs()
    return outputs


def _accounts(partitions: Iterable[Partition | PartitionState]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in partitions:
        for account in each.accounts.values():
            total.update(msgspec.structs.asdict(account))
        labels = msgspec.structs.asdict(each.labels)
        total.update({f"labels {name}": count for name, count in labels.items()})
    return dict(total)


def _saved(settings: Settings) -> list[PartitionState]:
    """Read the state of ingest from the last checkpoint of each partition."""
    found = []
    for number, records in read_log(settings, "checkpoints").items():
        assembly = Assembly()
        for record in records:
            if record.key is not None:
                assembly.see(record.key, record.value)
        value = assembly.values.get(f"ingest/{number}".encode())
        if value is not None:
            found.append(msgspec.msgpack.decode(decode(value, f"ingest/{number}").state, type=PartitionState))
    return found


def found(settings: Settings) -> Outcome:
    """Read the output of a run. A record that was delivered twice has the same number and counts once."""
    outputs = {}
    for topic in OUTCOMES:
        numbered: dict[tuple[bytes, bytes], bytes] = {}
        strays: list[bytes] = []
        for records in read_log(settings, topic).values():
            for record in records:
                headers = dict(record.headers)
                if SOURCE_HEADER not in headers:
                    continue  # a poison record of the schedule
                key = headers[SOURCE_HEADER], headers[SEQUENCE_HEADER]
                if numbered.setdefault(key, record.value or b"") != (record.value or b""):
                    strays.append(record.value or b"")
        outputs[topic] = Counter([*numbered.values(), *strays])
    return Outcome(outputs, _rejected(settings), _accounts(_saved(settings)))


def _rejected(settings: Settings) -> Rejected:
    rejected = {}
    for records in read_log(settings, "rejected").values():
        for record in records:
            try:
                each = msgspec.msgpack.decode(record.value or b"", type=Rejection)
            except msgspec.MsgspecError:
                continue  # a poison record
            if each.topic in EVENTS:
                rejected[_place(each)] = (each.reason, each.value)
    return rejected


def _place(rejection: Rejection) -> str:
    return f"{rejection.topic}/{rejection.partition}/{rejection.offset}"


def compare(run: Outcome, expected: Outcome) -> Difference:
    """Return what the run lost, published wrongly, or published twice."""
    lost: list[str] = []
    doubled: list[str] = []
    for topic in OUTCOMES:
        if topic == "profiles":
            continue  # panes may be split differently; their sums are in the statistics
        ours, theirs = (_unclocked(topic, each.outputs[topic]) for each in (run, expected))
        lost += [f"{topic}: {_short(v)} ({n})" for v, n in (theirs - ours).items()]
        doubled += [f"{topic}: {_short(v)} ({n})" for v, n in (ours - theirs).items()]
    lost += [f"rejected: {place} {why}" for place, why in (expected.rejected.items() - run.rejected.items())]
    doubled += [
        f"rejected: {place} {why}" for place, why in (run.rejected.items() - expected.rejected.items())
    ]
    for name in sorted(expected.accounts.keys() | run.accounts.keys()):
        of_run, wanted = run.accounts.get(name, 0), expected.accounts.get(name, 0)
        if of_run != wanted:
            (lost if of_run < wanted else doubled).append(f"accounts: {name} {of_run} instead of {wanted}")
    return Difference(lost, doubled)


def _unclocked(topic: str, values: Counter[bytes]) -> Counter[bytes]:
    """Leave out what depends on clocks."""
    return Counter({value: count for value, count in values.items() if not _is_clocked(topic, value)})


def _is_clocked(topic: str, value: bytes) -> bool:
    if topic == "findings":
        return set(msgspec.msgpack.decode(value, type=WindowFindings).checked) <= CLOCKED_CHECKS
    return topic == "alerts" and msgspec.json.decode(value)["labels"]["alertname"] in CLOCKED_ALERTS


def _short(value: bytes) -> str:
    return value[:300].decode(errors="backslashreplace")
