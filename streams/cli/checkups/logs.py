"""The checks of `watchkeeper doctor` that compare checkpoints with the logs of their topics."""

from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import KafkaException
from confluent_kafka.admin import ClusterMetadata

from watchkeeper.streams.cli.checkups.checkup import Checkup
from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.log_change import MEANINGS, examine
from watchkeeper.streams.fold.log_state import LogMark, LogState
from watchkeeper.streams.fold.newest import newest_checkpoints
from watchkeeper.streams.kafka.log_facts import LogFacts
from watchkeeper.streams.kafka.log_reader import LogReader, Place
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import FLOWS, TopicName
from watchkeeper.streams.topics.topics import TOPICS, topic_name

__all__ = ["check_logs", "checkups_of"]


def check_logs(settings: Settings, there: ClusterMetadata) -> Iterator[Checkup]:
    """Check that every checkpoint fits the logs of its topics."""
    if topic_name(settings, "checkpoints") not in there.topics:
        return
    reads = [(flow.name, topic) for flow in FLOWS for topic in flow.reads]
    places = [(topic_name(settings, topic), n) for _, topic in reads for n in range(settings.partitions)]
    compacted = [topic_name(settings, name) for name, topic in TOPICS.items() if topic.compacted]
    try:
        # In this order: checkpoints go on while workers run, and their positions must not be beyond the ends.
        saved = [newest_checkpoints(settings, n) for n in range(settings.partitions)]
        facts = LogReader(settings).facts(places, compacted)
    except KafkaException as error:
        yield Checkup("warn", f"the logs can't be compared with checkpoints: {error.args[0].str()}")
        return
    except Unrecoverable as error:
        yield Checkup("fail", str(error))
        return
    checkups = list(_compared(settings, reads, saved, facts))
    yield from checkups
    count = sum(len(each) for each in saved)
    if count and not any(each.level == "fail" for each in checkups):
        yield Checkup("ok", f"{count} checkpoints fit the logs of their topics")


def _compared(
    settings: Settings,
    reads: list[tuple[str, TopicName]],
    saved: list[dict[str, Checkpoint]],
    facts: dict[Place, LogFacts],
) -> Iterator[Checkup]:
    for number, checkpoints in enumerate(saved):
        for stage, topic in reads:
            now = facts.get((topic_name(settings, topic), number))
            if now is not None:
                yield from checkups_of(f"{stage}/{number}", topic, checkpoints.get(f"{stage}/{number}"), now)


def checkups_of(source: str, topic: str, checkpoint: Checkpoint | None, now: LogFacts) -> list[Checkup]:
    """Return what is wrong with the log of one topic, or was wrong before.

    Args:
        source: The stage and partition, as `stage/partition`.
        topic: The topic, without the prefix.
        checkpoint: The newest checkpoint; None: there is none.
        now: What the broker says of the log.

    >>> checkups_of("ingest/0", "labels", None, LogFacts("a", 0, 9, committed=4))[0].what[:63]
    'ingest/0: labels: the checkpoint is gone, but the group has com'
    """
    state = LogState() if checkpoint is None else checkpoint.logs.get(topic, LogState())
    mark = None if state.mark == LogMark() else state.mark
    position = None if checkpoint is None else checkpoint.offsets.get(topic, -1) + 1
    # Workers that run commit after the checkpoint was read here: a higher committed offset proves nothing.
    known = now if position is None else now._replace(committed=-1)
    found = [
        Checkup("fail", f"{source}: {topic}: {MEANINGS[change.change]}; this happens when a worker starts")
        for change in examine(mark, position, known)
    ]
    for change, noted in state.changes.items():
        lost = f"; {noted.lost} offsets lost, the last {noted.lost_from} to {noted.lost_to - 1}"
        at = datetime.fromtimestamp(noted.at_ms / 1000, UTC).isoformat(timespec="seconds")
        what = f"{source}: {topic}: {change} {noted.count} times, the last at {at}"
        found.append(Checkup("warn", what + (lost if noted.lost else "")))
    return found
