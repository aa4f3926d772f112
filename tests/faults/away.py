"""Alertmanager is down for minutes during incidents. On-call still gets every page exactly once.

    python -m tests.faults.away --minutes 10

One incident is open when Alertmanager stops. Two start and end while it is down. One starts and continues.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

import pytest
from rich.console import Console

from tests.alertmanager import installed_alertmanager
from tests.brokers import Unavailable
from tests.faults.cluster import Cluster, cluster
from tests.faults.oracle import EVENTS, expect
from tests.faults.publisher import keys_by_partition
from tests.faults.receiver import Webhook
from tests.faults.recovery import Recoveries
from tests.faults.run import (  # fmt: skip
    FINISH_SECONDS,
    NOTIFIED_SECONDS,
    START_SECONDS,
    alert_troubles,
    apply,
    ends,
    scene_fleet,
    scene_settings,
    wait_until,
)
from tests.faults.stream import MONITORS, Event, closing, stream
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name

GOES_AT, COMES_AT = 7.0, 25.0
"""Minutes of event time: within the missing values, and within the cents."""

console = Console()


def away(brokers: Cluster, seconds: float, folder: Path) -> list[str]:
    """Run the scenario. Return the problems."""
    settings = scene_settings(brokers, "away")
    create_topics(settings)
    apply(settings)
    events = stream(1)
    webhook = Webhook()
    with installed_alertmanager(folder, webhook.url) as alertmanager, contextlib.closing(webhook):
        fleet = scene_fleet(settings, folder, alertmanager)
        recoveries = Recoveries(settings)
        with contextlib.closing(fleet), contextlib.closing(recoveries):
            fleet.start()
            publish(settings, [event for event in events if event.minute < GOES_AT])
            assert wait_until(lambda: bool(alertmanager.alerts()), START_SECONDS), "nothing fires"
            alertmanager.stop()
            began = time.monotonic()
            publish(settings, [event for event in events if GOES_AT <= event.minute < COMES_AT])
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            alertmanager.start()
            rest = [event for event in events if event.minute >= COMES_AT]
            publish(settings, rest + closing(keys_by_partition(settings.partitions)))
            expected = expect(settings, MONITORS)
            places = ends(settings, EVENTS)
            assert wait_until(lambda: recoveries.reached(places), FINISH_SECONDS), "the stream was not folded"
            wait_until(lambda: not alert_troubles(expected, webhook), NOTIFIED_SECONDS)
            fleet.stop_all()
    for labels, episodes in webhook.episodes().items():
        console.print(f"{labels}: {[dict(each) for each in episodes]}", highlight=False, markup=False)
    return [*fleet.troubles, *alert_troubles(expected, webhook)]


def publish(settings: Settings, events: list[Event]) -> None:
    """Publish, and wait until the broker has acknowledged all records."""
    sender = producer(settings)
    for event in events:
        sender.produce(topic_name(settings, event.topic), event.value, event.key)
        sender.poll(0)
    assert sender.flush(60) == 0


def main() -> int:
    """Run it once. Return 0 if on-call was notified of everything exactly once."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.away", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long Alertmanager is down")
    parser.add_argument("--brokers", choices=["kafka", "embedded"], default="embedded", help="brokers to use")
    given = parser.parse_args()
    with cluster(given.brokers) as brokers, tempfile.TemporaryDirectory(prefix="watchkeeper-away-") as folder:
        troubles = away(brokers, given.minutes * 60, Path(folder))
    for trouble in troubles:
        console.print(trouble, highlight=False, markup=False)
    console.print(
        f"Alertmanager away for {given.minutes:g} minutes: "
        + ("NOT " if troubles else "")
        + "every page once"
    )
    return 1 if troubles else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, pytest.skip.Exception, pytest.fail.Exception) as error:
        sys.exit(str(error))
