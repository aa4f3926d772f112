"""One topic is read later than another, and a model falls idle: nothing may be late, no label lost.

    python -m tests.faults.held

One stream is live: event times are the time of publication. Partitions become idle within two seconds. One
topic is held back for longer than that. Two more models publish an hour of rows at once, labels first.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from rich.console import Console

from tests.brokers import Unavailable
from tests.faults.cluster import Cluster, cluster
from tests.faults.fleet import Fleet
from tests.faults.oracle import found
from tests.faults.recovery import Recoveries
from tests.faults.run import START_SECONDS, ends, scene_settings, wait_until
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name

IDLE_SECONDS = 2.0
PER_SECOND = 100
WORKERS = 3
COUNTED_SECONDS = 120.0
SETTLE_SECONDS = 20.0
"""How long the end of the stream may take to become idle and close, chosen by hand: ten idle times."""

MONITORS = [
    Monitor.model_validate(
        {
            "model": model,
            "owner": {"team": "ml"},
            "task": "binary-classification",
            "features": {"age": {"type": "number"}},
            "windows": {"pane": pane, "size": size, "lateness": lateness},
            "labels": {"expected_within": "PT1M"},
        }
    )
    for model, pane, size, lateness in (
        ("live", "PT1S", "PT10S", "PT15S"),
        ("quiet", "PT1M", "PT10M", "PT1M"),
        ("new", "PT1M", "PT10M", "PT1M"),
    )
]
"""A live model, one that sends an hour of rows at once after a silence, and one that begins so."""


class Span(NamedTuple):
    """A span of the stream."""

    begin: float
    end: float
    """Seconds since the beginning."""
    predictions_after: float
    """Seconds from the event until the prediction is published."""
    labels_after: float
    """Seconds from the event until the label is published."""


SPANS = [
    Span(0, 4, 3.0, 1.0),  # the very first: labels are read before anything is known of the model
    Span(4, 8, 0.0, 1.0),
    Span(8, 12, 6.0, 1.0),  # predictions held back for longer than the idle time
    Span(12, 16, 0.0, 1.0),
    Span(16, 20, 0.0, 8.0),  # labels held back
    Span(30, 34, 2.0, 1.0),  # after a silence, labels come one second before their predictions
    Span(34, 38, 0.0, 1.0),
]
"""The stream. Between the spans nothing is published."""


AN_HOUR = 3000
"""Rows of the past hour that are published at once, chosen by hand."""


class Sent(NamedTuple):
    """One record: when it is published, and its time, in seconds since the beginning."""

    due: float
    at: float
    topic: str
    model: str
    row: int


def schedule() -> Iterator[Sent]:
    """Yield all records."""
    for number, span in enumerate(SPANS):
        for index in range(round((span.end - span.begin) * PER_SECOND)):
            at, row = span.begin + index / PER_SECOND, number * 100_000 + index
            yield from _pair(at + span.predictions_after, at + span.labels_after, at, "live", row)
    for index in range(AN_HOUR):
        at = -3600 + index
        yield from _pair(0.0, 0.0, at - 3600, "quiet", index)
        # Labels come a second before their predictions.
        yield from _pair(26.0, 25.0, at, "quiet", AN_HOUR + index)
        yield from _pair(28.0, 27.0, at, "new", index)


def _pair(predicted: float, labelled: float, at: float, model: str, row: int) -> Iterator[Sent]:
    yield Sent(predicted, at, "predictions", model, row)
    yield Sent(labelled, at, "labels", model, row)


def held(brokers: Cluster, folder: Path) -> list[str]:
    """Publish the stream to running workers. Return what was lost."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = scene_settings(brokers, "held", checkpoint_seconds=0.5)
    settings = settings.model_copy(update={"idle_seconds": IDLE_SECONDS})
    create_topics(settings)
    sender = producer(settings)
    for monitor in MONITORS:
        sender.produce(topic_name(settings, "monitors"), monitor.model_dump_json(), monitor.subject)
    assert sender.flush(30) == 0
    fleet, recoveries = Fleet(settings, folder), Recoveries(settings)
    with contextlib.closing(fleet), contextlib.closing(recoveries):
        for _ in range(WORKERS):
            fleet.start()
        assert wait_until(lambda: all(w.joined() for w in fleet.alive()), START_SECONDS), "no worker started"
        published = publish(settings)
        places = ends(settings, ["predictions", "labels"])
        assert wait_until(lambda: recoveries.reached(places), COUNTED_SECONDS), "the stream was not folded"
        wait_until(lambda: found(settings).accounts["labels matched"] == published // 2, SETTLE_SECONDS)
        fleet.stop_all()
    accounts = found(settings).accounts
    wanted = {
        "accepted": published,
        "late": 0,
        "rejected": 0,
        "labels matched": published // 2,
        "labels late": 0,
    }
    return fleet.troubles + [
        f"{name}: {accounts[name]} instead of {count}"
        for name, count in wanted.items()
        if accounts[name] != count
    ]


def publish(settings: Settings) -> int:
    """Publish the stream at its pace. Return the number of records."""
    sender = producer(settings, **{"linger.ms": 5})
    records = sorted(schedule())
    began, start = time.monotonic(), datetime.now(UTC)
    for each in records:
        while (left := began + each.due - time.monotonic()) > 0:
            sender.poll(min(left, 0.02))
        key = f"{each.model}{each.row}"
        value = _value(each, key, (start + timedelta(seconds=each.at)).isoformat())
        sender.produce(topic_name(settings, each.topic), value, key)
    assert sender.flush(60) == 0
    return len(records)


def _value(each: Sent, key: str, at: str) -> bytes:
    event = {"prediction_id": key, "model": each.model}
    if each.topic == "labels":
        return msgspec.json.encode(event | {"label_time": at, "label": each.row % 3 == 0})
    output = {"prediction": {"score": each.row % 100 / 100}, "features": {"age": each.row % 90}}
    return msgspec.json.encode(event | output | {"model_version": "1", "event_time": at})


def main() -> int:
    """Run it once. Return 0 if nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.held", description=__doc__)
    parser.add_argument("--brokers", choices=["kafka", "embedded"], default="kafka", help="brokers to use")
    parser.add_argument("--keep", type=Path, help="keep the workers' logs in this folder")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="watchkeeper-held-"))
    console = Console()
    with cluster(given.brokers) as brokers:
        troubles = held(brokers, folder)
    for trouble in troubles:
        console.print(trouble, highlight=False, markup=False)
    console.print("one topic held back: " + ("NOT " if troubles else "") + "every event counted")
    return 1 if troubles else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, pytest.skip.Exception, pytest.fail.Exception) as error:
        sys.exit(str(error))
