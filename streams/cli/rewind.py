"""`watchkeeper topics rewind`: choose where a stage goes on in a topic."""

import asyncio
import time
from datetime import datetime
from typing import Annotated

import typer
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from msgspec.structs import replace

from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.cli.options import Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.log_change import LogChange
from watchkeeper.streams.fold.positions import Positions
from watchkeeper.streams.fold.store import KafkaStore
from watchkeeper.streams.kafka.client import admin_client
from watchkeeper.streams.kafka.log_reader import LogReader
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import FLOWS, INTERNAL_TOPICS, TopicName
from watchkeeper.streams.topics.topics import is_topic, topic_name

__all__ = ["rewind", "rewound"]

_RESPONSE_SECONDS = 10
"""Time in seconds that the broker has to answer. Chosen by hand: shorter fails on a slow network."""


def rewind(
    topic: Annotated[str, typer.Option("--topic", help="Topic that a stage reads.")],
    partition: Annotated[
        int | None, typer.Option("--partition", min=0, help="Partition.  [default: all]", show_default=False)
    ] = None,
    to_offset: Annotated[
        int | None, typer.Option("--to-offset", min=0, help="Go on at this offset. Requires --partition.")
    ] = None,
    to_time: Annotated[
        str | None, typer.Option("--to-time", metavar="TIME", help="Go on at the first record of this time.")
    ] = None,
    to_start: Annotated[
        bool, typer.Option("--to-start", help="Go on at the first record that exists.")
    ] = False,
    to_end: Annotated[bool, typer.Option("--to-end", help="Go on behind the last record.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done.")] = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Choose where a stage goes on in a topic. Stop all workers first.

    Going back counts events again whose windows are still open. Offsets that are passed over count as lost.

    \b
    Examples:
      watchkeeper topics rewind --topic predictions --to-time 2026-01-31T12:00Z --dry-run
      watchkeeper topics rewind --topic labels --partition 3 --to-offset 4711
    """  # noqa: D301
    given = [to_offset is not None, to_time is not None, to_start, to_end]
    if sum(given) != 1:
        raise UserError("give one of --to-offset, --to-time, --to-start and --to-end")
    if to_offset is not None and partition is None:
        raise UserError("--to-offset needs --partition: offsets differ between partitions")
    stage, name = _read_by(topic)
    settings = settings_of(broker, topic_prefix)
    reach(settings)
    _refuse_with_workers(settings)
    numbers = range(settings.partitions) if partition is None else [partition]
    targets = _targets(settings, name, list(numbers), to_offset, _milliseconds(to_time), to_end)
    for number, target in targets.items():
        asyncio.run(_move(settings, stage, name, number, target, dry_run))
    if not dry_run:
        _commit(settings, name, targets)


def _read_by(topic: str) -> tuple[str, TopicName]:
    stages = {name: flow.name for flow in FLOWS for name in flow.reads}
    if not is_topic(topic) or topic not in stages:
        raise UserError(f"no stage reads {topic!r}; stages read {', '.join(stages)}")
    return stages[topic], topic


def _milliseconds(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--to-time: {text!r} is not a time such as 2026-01-31T12:00Z") from None
    if at.tzinfo is None:
        raise UserError(f"--to-time: {text!r} has no time zone; write 2026-01-31T12:00Z for UTC")
    return round(at.timestamp() * 1000)


def _group(settings: Settings) -> str:
    return settings.topic_prefix + settings.application


def _refuse_with_workers(settings: Settings) -> None:
    admin: AdminClient = admin_client(settings)
    answers = admin.describe_consumer_groups([_group(settings)], request_timeout=_RESPONSE_SECONDS)
    if members := answers[_group(settings)].result().members:
        raise UserError(f"{len(members)} workers run in the group {_group(settings)}; stop all workers first")


def _targets(
    settings: Settings,
    topic: TopicName,
    numbers: list[int],
    offset: int | None,
    at_ms: int | None,
    to_end: bool,
) -> dict[int, int]:
    """Return the offset to go on at, by partition."""
    name = topic_name(settings, topic)
    facts = LogReader(settings).facts([(name, number) for number in numbers])
    missing = [number for number in numbers if (name, number) not in facts]
    if missing:
        raise UserError(f"partition {missing[0]} of topic {name} does not exist, or has no leader")
    first = {number: facts[name, number].start for number in numbers}
    if offset is not None:
        [number] = numbers
        end = _offsets(settings, name, numbers, OffsetSpec.latest())[number]
        if not first[number] <= offset <= end:
            there = f"partition {number} of topic {name} has offsets {first[number]} to {end}"
            raise UserError(f"{there}; {offset} is not one of them")
        return {number: offset}
    if not to_end and at_ms is None:
        return first
    ends = _offsets(settings, name, numbers, OffsetSpec.latest())
    if at_ms is None:
        return ends
    found = _offsets(settings, name, numbers, OffsetSpec.for_timestamp(at_ms))
    return {number: at if (at := found[number]) >= 0 else ends[number] for number in numbers}


def _offsets(settings: Settings, name: str, numbers: list[int], spec: OffsetSpec) -> dict[int, int]:
    admin: AdminClient = admin_client(settings)
    wanted = {TopicPartition(name, number): spec for number in numbers}
    answers = admin.list_offsets(wanted, request_timeout=_RESPONSE_SECONDS)
    return {place.partition: answer.result().offset for place, answer in answers.items()}


async def _move(
    settings: Settings, stage: str, topic: TopicName, partition: int, target: int, dry_run: bool
) -> None:
    store = KafkaStore(settings)
    checkpoint, fence = await store.load(stage, partition)
    try:
        if checkpoint is None:
            note(f"{stage}/{partition} has no checkpoint: it starts at the first record")
            return
        before = checkpoint.offsets.get(topic, -1) + 1
        what = (
            f"{topic}/{partition}: {stage} {'would go' if dry_run else 'goes'} on at {target}, not {before}"
        )
        note(what + (f"; {target - before} offsets count as lost" if target > before else ""))
        if not dry_run:
            await store.save(stage, partition, rewound(checkpoint, topic, target, _now_ms()), fence)
    finally:
        store.drop(partition)


def _now_ms() -> int:
    return round(time.time() * 1000)


def rewound(checkpoint: Checkpoint, topic: TopicName, target: int, now_ms: int) -> Checkpoint:
    """Return a checkpoint that goes on at another offset of a topic.

    Args:
        checkpoint: The newest checkpoint.
        topic: The topic.
        target: The offset to go on at.
        now_ms: The current time, since 1970.
    """
    positions = Positions()
    positions.restore(checkpoint.offsets, checkpoint.logs)
    before = positions.next(topic)
    positions.go_on(topic, LogChange("rewound", target, before, max(before, target)), now_ms)
    offsets, logs = positions.saved()
    # What is read again from another stage would be dropped as a repeat, by its numbers.
    seen = {} if topic in INTERNAL_TOPICS and target < before else checkpoint.seen
    return replace(checkpoint, offsets=offsets, logs=logs, seen=seen)


def _commit(settings: Settings, topic: TopicName, targets: dict[int, int]) -> None:
    """Commit the offsets for the group: a committed offset beyond the checkpoint means a lost checkpoint."""
    admin: AdminClient = admin_client(settings)
    places = [TopicPartition(topic_name(settings, topic), number, at) for number, at in targets.items()]
    wanted = [ConsumerGroupTopicPartitions(_group(settings), places)]
    for answer in admin.alter_consumer_group_offsets(wanted, request_timeout=_RESPONSE_SECONDS).values():
        answer.result()
