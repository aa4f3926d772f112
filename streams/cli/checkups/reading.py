"""Reads the facts for the checks of the work: the group, lag, checkpoints, windows, alerts, rejections."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
from confluent_kafka import KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, OffsetSpec
from pydantic import ValidationError

from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import KindAccount
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.cli.checkups.facts import (
    Facts,
    GroupMember,
    IngestFacts,
    Input,
    LastWindow,
    Place,
    Saved,
    Trouble,
    WorkerGroup,
)
from watchkeeper.streams.cli.checkups.tails import Tail, first_unread, newest
from watchkeeper.streams.evaluate.accounts import Accounts
from watchkeeper.streams.fold import checkpoint
from watchkeeper.streams.fold.checkpoint import Checkpoint, UnreadableCheckpoint
from watchkeeper.streams.fold.parts import Assembly
from watchkeeper.streams.ingest.accounts import Account, LabelAccount
from watchkeeper.streams.ingest.clock import Clock
from watchkeeper.streams.kafka.client import admin_client
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import EVALUATE, FLOWS, INGEST, TopicName
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["read_facts"]

NEWEST: dict[TopicName, int] = {"checkpoints": 64, "statistics": 1000, "alerts": 2000, "rejected": 500}
"""Topic -> number of records to read from the end of each partition. Chosen by hand: a larger number tells of
more subjects, and takes longer."""
_ANSWER_SECONDS = 5
"""Seconds that the broker has to answer. Chosen by hand: shorter fails on a slow network."""


class _Window(msgspec.Struct):
    subject: str
    window_end_ms: int


class _IngestState(msgspec.Struct):
    accounts: dict[str, Account]
    labels: LabelAccount
    clocks: list[tuple[Kind, str, Clock]]


class _EvaluateState(msgspec.Struct):
    accounts: Accounts = msgspec.field(default_factory=Accounts)


_decode_window = msgspec.json.Decoder(_Window).decode
_decode_ingest = msgspec.msgpack.Decoder(_IngestState).decode
_decode_evaluate = msgspec.msgpack.Decoder(_EvaluateState).decode
_decode_rejection = msgspec.msgpack.Decoder(Rejection).decode


def read_facts(settings: Settings, there: ClusterMetadata) -> Facts:
    """Read all facts. What can't be read is noted in `unreadable`.

    Args:
        settings: They give the broker, the login and the names.
        there: The topics of the cluster. Topics that do not exist are skipped.
    """
    now_ms = time.time_ns() // 1_000_000
    unreadable: list[str] = []
    admin = admin_client(settings)  # kept: without a reference to it, its answers never come
    group = _group(settings, admin, unreadable)
    tails = _tails(settings, there, unreadable)
    kept = list(_checkpoints(tails["checkpoints"], unreadable))
    saved = {place: Saved(at_ms, each.offsets, size) for place, at_ms, size, each in kept}
    ingest = {
        number: _ingest_facts(each.state) for (stage, number), _, _, each in kept if stage == INGEST.name
    }
    troubles = {
        subject: trouble
        for (stage, _), _, _, each in kept
        if stage == EVALUATE.name
        for subject, trouble in _troubles(each.state)
    }
    inputs = _inputs(settings, admin, there, saved, unreadable)
    windows, alerts = _windows(tails["statistics"]), list(_alerts(tails["alerts"]))
    rejections = [_decode_rejection(each.value()) for each in tails["rejected"] if each.value()]
    return Facts(now_ms, group, inputs, saved, ingest, windows, alerts, troubles, rejections, unreadable)


def _tails(
    settings: Settings, there: ClusterMetadata, unreadable: list[str]
) -> dict[TopicName, list[Message]]:
    def read(name: TopicName) -> Tail:
        topic = topic_name(settings, name)
        known = there.topics.get(topic)
        return newest(settings, topic, list(known.partitions), NEWEST[name]) if known else Tail([])

    with ThreadPoolExecutor(len(NEWEST)) as threads:
        tails = dict(zip(NEWEST, threads.map(read, NEWEST), strict=True))
    unreadable += [tail.why for tail in tails.values() if tail.why]
    return {name: tail.messages for name, tail in tails.items()}


def _group(settings: Settings, admin: AdminClient, unreadable: list[str]) -> WorkerGroup | None:
    name = settings.topic_prefix + settings.application
    try:
        described = admin.describe_consumer_groups([name], request_timeout=_ANSWER_SECONDS)
        found = described[name].result()
    except KafkaException as error:
        unreadable.append(f"the consumer group {name} can't be looked at: {error.args[0].str()}")
        return None
    members = [
        GroupMember(
            member.host,
            frozenset(
                (place.topic.removeprefix(settings.topic_prefix), place.partition)
                for place in (member.assignment.topic_partitions if member.assignment else ())
            ),
        )
        for member in found.members
    ]
    return WorkerGroup(name, found.state.name.lower(), members)


def _checkpoints(
    messages: list[Message], unreadable: list[str]
) -> Iterator[tuple[Place, int, int, Checkpoint]]:
    """Yield the newest checkpoint of each stage and partition, when it was appended, and its size."""
    assemblies: dict[int, Assembly] = {}
    at_ms: dict[bytes, int] = {}
    for message in messages:
        if message.key() is not None:
            assemblies.setdefault(message.partition(), Assembly()).see(message.key(), message.value())
            at_ms[message.key()] = message.timestamp()[1]
    for assembly in assemblies.values():
        for key, value in assembly.values.items():
            stage, _, number = key.decode(errors="replace").partition("/")
            try:
                yield (stage, int(number)), at_ms[key], len(value), checkpoint.decode(value)
            except (UnreadableCheckpoint, ValueError) as error:
                unreadable.append(f"a checkpoint can't be read: {error}")


def _ingest_facts(state: bytes) -> IngestFacts:
    decoded = _decode_ingest(state)
    clocks = {(kind, subject): clock for kind, subject, clock in decoded.clocks}
    return IngestFacts(decoded.accounts, decoded.labels, clocks)


def _troubles(state: bytes) -> Iterator[tuple[str, Trouble]]:
    """Yield the subjects whose events were late or rejected lately."""
    accounts = _decode_evaluate(state).accounts
    for subject in accounts.coverages.keys() | accounts.subjects.keys():
        total = KindAccount()
        for each in accounts.subjects[subject].kinds.values() if subject in accounts.subjects else ():
            total.add(each)
        yield subject, Trouble(accounts.coverages.get(subject), total.clocks)


def _inputs(
    settings: Settings,
    admin: AdminClient,
    there: ClusterMetadata,
    saved: Mapping[Place, Saved],
    unreadable: list[str],
) -> list[Input]:
    """Return all inputs, with what waits in them."""
    places = {
        (topic_name(settings, topic), number): (flow.name, topic)
        for flow in FLOWS
        for topic in flow.reads
        if topic_name(settings, topic) in there.topics
        for number in there.topics[topic_name(settings, topic)].partitions
    }
    committed = _committed(settings, admin, unreadable)
    positions: dict[tuple[str, int], int | None] = {}
    for place, (stage, topic) in places.items():
        known = saved.get((stage, place[1]))
        at = known.offsets.get(topic, -1) + 1 if known is not None else 0
        positions[place] = at or committed.get(place)
    starts = _starts(admin, list(places), unreadable)
    found, why = first_unread(settings, positions)
    unreadable += [why] if why else []
    inputs = []
    for place, (stage, topic) in places.items():
        if place in found:
            seen, waits = found[place], found[place].appended_ms is not None
            unread, unread_ms = (seen.offset, seen.appended_ms) if waits else (None, None)
            start = starts.get(place, 0)
            inputs.append(Input(stage, topic, place[1], positions[place], start, seen.end, unread, unread_ms))
    return inputs


def _committed(settings: Settings, admin: AdminClient, unreadable: list[str]) -> dict[tuple[str, int], int]:
    """Return the committed offsets of the group. They lag behind the checkpoints by about a second."""
    from confluent_kafka import ConsumerGroupTopicPartitions  # a name that older versions lack

    name = settings.topic_prefix + settings.application
    try:
        asked = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(name)], request_timeout=_ANSWER_SECONDS
        )
        answer = asked[name].result().topic_partitions
    except KafkaException as error:
        unreadable.append(f"the committed offsets of {name} can't be read: {error.args[0].str()}")
        return {}
    return {(each.topic, each.partition): each.offset for each in answer if each.offset >= 0}


def _starts(
    admin: AdminClient, places: list[tuple[str, int]], unreadable: list[str]
) -> dict[tuple[str, int], int]:
    """Return the first offset that exists in each partition."""
    wanted = {TopicPartition(*place): OffsetSpec.earliest() for place in places}
    starts = {}
    try:
        for place, answer in admin.list_offsets(wanted, request_timeout=_ANSWER_SECONDS).items():
            starts[place.topic, place.partition] = answer.result().offset
    except KafkaException as error:
        unreadable.append(f"the first offsets can't be read: {error.args[0].str()}")
    return starts


def _windows(messages: list[Message]) -> dict[str, LastWindow]:
    windows: dict[str, LastWindow] = {}
    for message in messages:
        if message.value():
            window = _decode_window(message.value())
            last = LastWindow(window.window_end_ms, message.timestamp()[1])
            windows[window.subject] = max(last, windows.get(window.subject, last))
    return windows


def _alerts(messages: list[Message]) -> Iterator[tuple[Alert, int]]:
    """Yield the newest state of each alert."""
    for message in {message.key(): message for message in messages}.values():
        if message.value():
            try:
                yield Alert.model_validate_json(message.value()), message.timestamp()[1]
            except ValidationError:
                continue  # notify sends it to `rejected`
