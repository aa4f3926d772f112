"""`make healthy`: a fleet of new and healthy models for days of event time. Almost nothing may fire.

python -m tests.faults.healthy --models 30 --days 3
python -m tests.faults.healthy --models 4 --days 1 --brokers embedded --keep FOLDER
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console
from scipy.stats import poisson

from tests.brokers import Unavailable
from tests.faults.cluster import Cluster, cluster
from tests.faults.fleet import ROOT, Fleet
from tests.faults.healthy_models import Healthy, Sent, models, records, write_files
from tests.faults.oracle import found
from tests.faults.recovery import Recoveries
from tests.faults.run import START_SECONDS, ends, scene_settings, wait_until
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name

FALSE = {
    "VolumeChange",
    "StreamSilent",
    "EventsLate",
    "PublisherClockWrong",
    "RejectedShareHigh",
    "LabelsLate",
}
"""Alerts that must not fire at all: nothing is wrong with traffic, times and labels."""
UNUSED = ("late", "duplicate", "rejected", "labels late", "labels orphaned")
"""Outcomes that no healthy event may have."""
BUDGET_DAYS = 30
"""One false page in so many days is what a monitor allows by default."""
SURE = 0.996
"""The share of healthy runs that have no more pages than are allowed here."""
REPLAY_SECONDS = 180.0
"""How long the events are published, chosen by hand: nearly 1,500 times faster than event time."""
IDLE_SECONDS = 60
"""Longer than any pause of a publisher in the replay, also on a busy machine."""
FINISH_SECONDS = 900.0
WORKERS = 2

console = Console(width=None if sys.stdout.isatty() else 160)


class Report(NamedTuple):
    """What came of a healthy run."""

    events: int
    windows: int
    alerts: Counter[tuple[str, str, str]]
    """How often each alert was raised: model, name and severity."""
    accounts: dict[str, int]
    pages_at_most: int
    troubles: list[str]


def pages_at_most(count: int, days: float) -> int:
    """Return how many pages a healthy fleet may have: almost surely no more, at the stated budget.

    >>> pages_at_most(30, 3)
    8
    """
    return int(poisson.ppf(SURE, count * days / BUDGET_DAYS))


def healthy(
    brokers: Cluster, count: int, days: float, folder: Path, seconds: float = REPLAY_SECONDS
) -> Report:
    """Run a healthy fleet on running brokers.

    Args:
        brokers: The brokers.
        count: The number of models.
        days: Days of event time.
        folder: For the monitors, the references and the logs of the workers.
        seconds: How long the events are published.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = scene_settings(brokers, "healthy").model_copy(update={"idle_seconds": IDLE_SECONDS})
    create_topics(settings)
    fleet_of_models = models(count)
    apply(settings, [write_files(model, folder) for model in fleet_of_models])
    end = datetime.now(UTC) - timedelta(minutes=1)
    stream = sorted(each for model in fleet_of_models for each in _records(model, end, days))
    fleet = Fleet(settings, folder)
    recoveries = Recoveries(settings)
    with contextlib.closing(fleet), contextlib.closing(recoveries):
        for _ in range(WORKERS):
            fleet.start()
        assert wait_until(lambda: all(w.joined() for w in fleet.alive()), START_SECONDS), "no worker started"
        publish(settings, stream, seconds)
        for topics in (("predictions", "labels"), ("profiles",), ("findings",)):
            places = ends(settings, topics)
            assert wait_until(lambda: recoveries.reached(places), FINISH_SECONDS), f"{topics}: not done"  # noqa: B023
        fleet.stop_all()
    return _report(settings, fleet, len(stream), pages_at_most(count, days))


def _records(model: Healthy, end: datetime, days: float) -> Iterable[Sent]:
    return (each for each in records(model, end - timedelta(days=days), end) if each.at <= end)


def apply(settings: Settings, files: list[Path]) -> None:
    """Apply monitors with their references, as an owner does."""
    command = [sys.executable, "-m", "watchkeeper.streams.cli", "apply", *map(str, files)]
    environment = os.environ | {
        "WATCHKEEPER_BROKER": settings.broker,
        "WATCHKEEPER_APPLICATION": settings.application,
        "WATCHKEEPER_TOPIC_PREFIX": settings.topic_prefix,
        "WATCHKEEPER_PARTITIONS": str(settings.partitions),
    }
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def publish(settings: Settings, stream: list[Sent], seconds: float) -> None:
    """Publish a stream in order, at an even pace of event time."""
    sender = producer(settings)
    began, first = time.monotonic(), stream[0].at
    pace = seconds / max(1.0, (stream[-1].at - first).total_seconds())
    for each in stream:
        while (left := began + (each.at - first).total_seconds() * pace - time.monotonic()) > 0:
            sender.poll(min(left, 0.05))
        sender.produce(topic_name(settings, each.topic), each.value, each.key)
        sender.poll(0)
    assert sender.flush(60) == 0


def _report(settings: Settings, fleet: Fleet, events: int, at_most: int) -> Report:
    run = found(settings)
    alerts = [json.loads(value) for value in run.outputs["alerts"]]
    raised = {(each["fingerprint"], each["started_at"]): each["labels"] for each in alerts}
    counts = Counter((each["model"], each["alertname"], each["severity"]) for each in raised.values())
    troubles = list(fleet.troubles)
    for (model, name, severity), times in sorted(counts.items()):
        if name in FALSE:
            troubles.append(f"{model}: {name} ({severity}) fired {times} times")
    pages = sum(times for (_, _, severity), times in counts.items() if severity == "critical")
    if pages > at_most:
        troubles.append(f"{pages} pages, of at most {at_most}")
    troubles += [f"{run.accounts[name]} events: {name}" for name in UNUSED if run.accounts[name]]
    if run.accounts["accepted"] != events:
        troubles.append(f"{run.accounts['accepted']} of {events} events were accepted")
    return Report(events, run.outputs["statistics"].total(), counts, run.accounts, at_most, troubles)


def main() -> int:
    """Run a fleet once. Return 0 if nothing false fired."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.healthy", description=__doc__)
    parser.add_argument("--models", type=int, default=30, help="number of models (default 30)")
    parser.add_argument("--days", type=float, default=3.0, help="days of event time (default 3)")
    parser.add_argument("--seconds", type=float, default=REPLAY_SECONDS, help="length of the replay")
    parser.add_argument("--brokers", choices=["kafka", "embedded"], default="kafka", help="brokers to use")
    parser.add_argument("--keep", type=Path, help="keep the files and the workers' logs in this folder")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="watchkeeper-healthy-"))
    with cluster(given.brokers) as brokers:
        report = healthy(brokers, given.models, given.days, folder, given.seconds)
    for (model, name, severity), times in sorted(report.alerts.items()):
        console.print(f"{model}: {name} ({severity}) {times}", highlight=False, markup=False)
    for trouble in report.troubles:
        console.print(f"trouble: {trouble}", highlight=False, markup=False)
    console.print(
        f"{given.models} healthy models, {given.days:g} days, {report.events:,} events, "
        f"{report.windows:,} windows: {report.alerts.total()} alerts, "
        f"at most {report.pages_at_most} pages; {'NOT ' if report.troubles else ''}healthy",
        highlight=False,
    )
    return 1 if report.troubles else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, pytest.skip.Exception, pytest.fail.Exception) as error:
        sys.exit(str(error))
