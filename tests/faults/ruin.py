"""Ruins the logs under the checkpoints, and checks that it is told and that what is missing is counted.

python -m tests.faults.ruin
python -m tests.faults.ruin --kinds topic_anew overtaken --keep FOLDER
"""

import argparse
import contextlib
import re
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from rich.console import Console
from rich.table import Table

from tests.brokers import Unavailable
from tests.faults.cluster import Cluster, cluster
from tests.faults.fleet import Fleet
from tests.faults.neighbours import NEIGHBOURS, neighbours
from tests.faults.oracle import read_log
from tests.faults.publisher import keys_by_partition
from tests.faults.ruins import RUINS, Ruin, pinned
from tests.faults.run import START_SECONDS, scene_settings, wait_until
from tests.faults.stream import START, Event
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name

MODEL = "traffic"
RUINED_AT, MINUTES = 10, 20
"""Minutes of event time: when the fault happens, and the length of the stream. A window ends at the first."""
FAR_MINUTES = 50
COUNTED_SECONDS = 90.0
"""How long workers may take until what is left is counted, and the fault is told."""
WORKERS = 2
UNREAD = "partitions that nobody reads"

console = Console(width=None if sys.stdout.isatty() else 160)


class Ruined(NamedTuple):
    """What came of one ruin."""

    kind: str
    published: Counter[int]
    """Rows by the start of their window."""
    counted: Counter[int]
    gone: int
    """Events that nobody can read any more."""
    lost: int
    """Events that the workers counted as lost."""
    changes: dict[str, int]
    troubles: list[str]


def ruin(brokers: Cluster, kind: str, folder: Path) -> Ruined:
    """Run one ruin on running brokers."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = scene_settings(brokers, "ruin", checkpoint_seconds=0.5)
    create_topics(settings)
    sender = producer(settings)
    [monitor] = [each for each in NEIGHBOURS if each.model == MODEL]
    sender.produce(topic_name(settings, "monitors"), monitor.model_dump_json(), monitor.subject)
    assert sender.flush(30) == 0
    fleet = Fleet(settings, folder)
    with contextlib.closing(fleet):
        return _ruin(settings, fleet, kind, RUINS[kind])


def _ruin(settings: Settings, fleet: Fleet, kind: str, how: Ruin) -> Ruined:
    events = [event for event in neighbours(1, MINUTES) if event.key.startswith(MODEL)]
    before = [event for event in events if event.minute < RUINED_AT]
    after = [event for event in events if event.minute >= RUINED_AT]
    start(fleet)
    publish(settings, before)
    closed = windows_of(before[: -2 * len(before) // RUINED_AT])
    assert wait_until(lambda: contains(counted(settings), closed), START_SECONDS), "the first part is missing"
    if not how.running:
        fleet.stop_all()
    if how.unread:
        publish(settings, after)
    gone = how.inject(settings)
    if not how.running:
        start(fleet)
    if not how.unread:
        publish(settings, after)
    publish(settings, far(settings.partitions))
    published = windows_of(events)
    must = published if how.exact else windows_of(after)

    def is_done() -> bool:
        fleet.alive()
        return is_told(how, changes(fleet)) and missing(must, counted(settings)) == gone

    wait_until(is_done, COUNTED_SECONDS)
    fleet.alive()
    found = Ruined(kind, must, counted(settings), gone, lost(fleet), changes(fleet), list(fleet.troubles))
    return found._replace(troubles=[*found.troubles, *troubles(how, found)])


def troubles(how: Ruin, found: Ruined) -> list[str]:
    """Return what was not told, not counted, or counted twice."""
    wrong = []
    if not is_told(how, found.changes):
        wrong.append(f"none of {sorted(how.changes) or [UNREAD]} was told: {found.changes}")
    absent = missing(found.published, found.counted)
    if absent != found.gone:
        wrong.append(f"{absent} rows are in no statistic; {found.gone} were gone")
    if found.lost < found.gone:
        wrong.append(f"{found.lost} events were counted as lost, of {found.gone}")
    if more := found.counted - found.published:
        wrong += [f"{sum(more.values())} rows were counted twice"] if how.exact else []
    return wrong


def is_told(how: Ruin, told: dict[str, int]) -> bool:
    """Whether one of the changes was counted."""
    return not (how.changes or {UNREAD}).isdisjoint(told)


def start(fleet: Fleet) -> None:
    """Start the workers, and wait until they are members of their group."""
    for _ in range(WORKERS):
        fleet.start()
    assert wait_until(lambda: all(w.joined() for w in fleet.alive()), START_SECONDS), "workers did not start"


def publish(settings: Settings, events: list[Event]) -> None:
    """Publish to the partitions in the settings, and wait until the broker has acknowledged all."""
    sender = producer(settings)
    for event, number in pinned(events, settings.partitions):
        sender.produce(topic_name(settings, event.topic), event.value, event.key, number)
        sender.poll(0)
    assert sender.flush(60) == 0


def far(partitions: int) -> list[Event]:
    """Return a row for each partition, far ahead of all others, so that every window closes."""
    end = neighbours(2, 1)
    rows = [event for event in end if event.key.startswith(MODEL)][:partitions]
    time = (START.replace(minute=FAR_MINUTES)).isoformat()
    return [row._replace(value=_at(row.value, time)) for row in rows[: len(keys_by_partition(partitions))]]


def _at(value: bytes, event_time: str) -> bytes:
    event = msgspec.json.decode(value)
    return msgspec.json.encode(
        event | {"event_time": event_time, "prediction_id": f"far {event['prediction_id']}"}
    )


def windows_of(events: list[Event]) -> Counter[int]:
    """Count events by the start of their window, in minutes."""
    return Counter(int(event.minute) // 2 * 2 for event in events)


def counted(settings: Settings) -> Counter[int]:
    """Return the rows of each window in the statistics, by its start in minutes."""
    found: dict[int, int] = {}
    for records in read_log(settings, "statistics").values():
        for record in records:
            window = msgspec.json.decode(record.value or b"", type=WindowStatistics)
            if window.segment is None and window.kind == "predictions":
                minute = (window.window_start_ms - round(START.timestamp() * 1000)) // 60_000
                found[minute] = max(window.rows, found.get(minute, 0))
    return Counter(found)


def contains(have: Counter[int], wanted: Counter[int]) -> bool:
    """Whether all of the wanted rows are there."""
    return not wanted - have


def missing(published: Counter[int], have: Counter[int]) -> int:
    """Return how many rows are in no statistic."""
    return sum((published - have).values())


def series(fleet: Fleet, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Yield the labels and value of each series of a name, of all workers."""
    for worker in fleet.alive():
        found = re.search(rb"metrics at (\S+)/metrics", worker.log.read_bytes())
        if found is None:
            continue
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{found[1].decode()}/metrics", timeout=5) as page,  # noqa: S310 - our own
        ):
            for labels, value in re.findall(rf"^{name}\{{(.*)\}} (\S+)$", page.read().decode(), re.MULTILINE):
                yield dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)


def changes(fleet: Fleet) -> dict[str, int]:
    """Return how often each change of a log was counted, and how many partitions nobody reads."""
    total: Counter[str] = Counter()
    for labels, value in series(fleet, "watchkeeper_log_changes_total"):
        total[labels["change"]] += int(value)
    for _, value in series(fleet, "watchkeeper_unread_partitions"):
        total[UNREAD] += int(value)
    return {change: count for change, count in total.items() if count}


def lost(fleet: Fleet) -> int:
    """Return how many events were counted as lost."""
    return int(
        sum(v for labels, v in series(fleet, "watchkeeper_lost_offsets_total") if labels["stage"] == "ingest")
    )


def main() -> int:
    """Run each kind once. Return 0 if all were told and counted."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.ruin", description=__doc__)
    parser.add_argument("--kinds", choices=RUINS, nargs="+", default=list(RUINS), help="only these kinds")
    parser.add_argument("--brokers", choices=["kafka", "embedded"], default="kafka", help="brokers to use")
    parser.add_argument("--keep", type=Path, help="keep the workers' logs in this folder")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="watchkeeper-ruin-"))
    table = Table("kind", "rows to count", "counted", "gone", "counted as lost", "told", "trouble")
    bad = 0
    with cluster(given.brokers) as brokers:
        for kind in given.kinds:
            found = ruin(brokers, kind, folder / kind)
            bad += bool(found.troubles)
            both = found.published & found.counted
            numbers = (sum(found.published.values()), sum(both.values()), found.gone, found.lost)
            told = ", ".join(f"{name} {count}" for name, count in sorted(found.changes.items()))
            table.add_row(kind, *(f"{n:,}" for n in numbers), told, "\n".join(found.troubles))
            console.print(f"{kind}: {'; '.join(found.troubles) or 'told and counted'}", markup=False)
    console.print(table, markup=False)
    console.print(f"told and counted: {len(given.kinds) - bad} of {len(given.kinds)}", highlight=False)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, pytest.skip.Exception, pytest.fail.Exception) as error:
        sys.exit(str(error))
