"""The log under a checkpoint changes on the real broker: told, counted, and never taken for the end."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions

from tests.integration.running import Workers, apply, publish
from tests.integration.scene import MONITOR, at
from tests.integration.test_page import until
from watchkeeper.streams.kafka.client import admin_client, describe, producer, read_to_end
from watchkeeper.streams.kafka.embedded import CLUSTER_ID
from watchkeeper.streams.kafka.log_reader import LogReader
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name

ROWS = 600


class Installation:
    """One worker at a time, and its metrics."""

    def __init__(self, settings: Settings, folder: Path, workers: Workers) -> None:
        self.settings, self.folder, self.workers = settings, folder, workers
        self._started = 0
        apply(settings, MONITOR)
        self.start()

    def start(self) -> None:
        [self.worker] = self.workers.start()
        self.log = self.folder / f"worker-{self._started}.log"
        self._started += 1

    def stop(self) -> None:
        self.worker.send_signal(signal.SIGTERM)
        assert self.worker.wait(60) == 0, self.workers.logs()

    def publish(self, first: int) -> None:
        publish(self.settings, list(_predictions(first)))

    def sum(self, metric: str, **labels: str) -> int:
        """Sum the series of a metric with these labels."""
        found = re.search(r"metrics at (http://\S+)/metrics", self.log.read_text())
        if found is None:
            return 0
        with urllib.request.urlopen(f"{found[1]}/metrics", timeout=5) as answer:  # noqa: S310
            lines = answer.read().decode().splitlines()
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        own = [line for line in lines if line.startswith(f"{metric}{{") and all(w in line for w in wanted)]
        return round(sum(float(line.rpartition(" ")[2]) for line in own))

    def wait_for_events(self, count: int) -> None:
        """Wait until so many predictions are in the account of ingest, whatever their outcome."""
        self.until(lambda: self.sum("watchkeeper_events_total", topic="predictions") == count)

    def until(self, condition: Callable[[], bool]) -> None:
        until(condition, self.workers, 90)

    def changes(self, change: str) -> int:
        return self.sum("watchkeeper_log_changes_total", change=change)

    def make_anew(self, name: str) -> None:
        """Delete a topic and create it again."""
        topic = topic_name(self.settings, name)  # type: ignore[arg-type]
        admin = admin_client(self.settings)  # Keep a reference: without it, there is no answer.
        admin.delete_topics([topic])[topic].result(30)
        deadline = time.monotonic() + 30
        while topic in describe(self.settings).topics and time.monotonic() < deadline:
            time.sleep(0.2)
        create_topics(self.settings)


def _predictions(first: int) -> Iterable[tuple[str, str, bytes]]:
    for row in range(first, first + ROWS):
        event = {
            "prediction_id": f"p{row}",
            "model": "risk",
            "model_version": "1",
            "event_time": at(row),
            "features": {"age": row % 90, "income": 1200, "country": "NL"},
            "prediction": {"score": 0.25},
        }
        yield "predictions", f"p{row}", msgspec.json.encode(event)


@pytest.fixture
def installed(settings: Settings, tmp_path: Path) -> Iterator[Installation]:
    if describe(settings).cluster_id == CLUSTER_ID:
        pytest.skip("the embedded broker can't be changed in these ways")
    with Workers(settings, tmp_path) as workers:
        yield Installation(settings, tmp_path, workers)


@pytest.mark.parametrize("running", [True, False])
def test_events_of_a_topic_made_anew_are_counted(installed: Installation, running: bool) -> None:
    installed.publish(0)
    installed.wait_for_events(ROWS)
    if not running:
        installed.stop()
    installed.make_anew("predictions")
    if not running:
        installed.start()
    installed.publish(ROWS)
    installed.wait_for_events(2 * ROWS)
    assert installed.changes("recreated") == installed.settings.partitions
    assert "predictions: the topic was deleted and created again" in installed.log.read_text()


def test_records_deleted_before_they_were_read_are_counted_as_lost(installed: Installation) -> None:
    installed.publish(0)
    installed.wait_for_events(ROWS)
    installed.stop()
    installed.publish(ROWS)
    name = topic_name(installed.settings, "predictions")
    _delete_before(installed, name)
    installed.start()
    installed.publish(2 * ROWS)
    installed.wait_for_events(2 * ROWS)
    assert installed.sum("watchkeeper_lost_offsets_total", cause="overtaken") == ROWS
    assert installed.sum("watchkeeper_offsets_passed_total", topic="predictions") == 3 * ROWS


def _delete_before(installed: Installation, name: str) -> None:
    """Delete all records of a topic that exist now."""
    admin = admin_client(installed.settings)
    places = [TopicPartition(name, n, -1) for n in range(installed.settings.partitions)]
    for answer in admin.delete_records(places).values():
        answer.result(30)


def test_an_emptied_topic_of_checkpoints_drops_nothing_downstream(installed: Installation) -> None:
    installed.publish(0)
    installed.wait_for_events(ROWS)
    installed.until(lambda: installed.sum("watchkeeper_rows_total", topic="profiles") > 0)
    time.sleep(3)  # Offsets are committed once a second.
    installed.stop()
    installed.make_anew("checkpoints")
    installed.start()
    installed.until(lambda: installed.changes("checkpoint_lost") > 0)
    installed.publish(100 * ROWS)
    installed.wait_for_events(ROWS)  # the account begins again with the new checkpoint
    installed.publish(200 * ROWS)
    installed.until(lambda: installed.sum("watchkeeper_rows_total", topic="profiles") > 0)
    assert installed.sum("watchkeeper_offsets_passed_total", topic="profiles", outcome="repeated") == 0
    assert "the checkpoint is gone" in installed.log.read_text()


def test_checkpoints_without_their_tail_are_told(installed: Installation) -> None:
    installed.publish(0)
    installed.wait_for_events(ROWS)
    old = _values(installed)
    installed.publish(ROWS)
    installed.wait_for_events(2 * ROWS)
    time.sleep(3)  # Offsets are committed once a second.
    installed.stop()
    sender = producer(installed.settings)
    for partition, key, value in old:  # The newest checkpoints are gone: the older ones are the newest.
        name = topic_name(installed.settings, "checkpoints")
        sender.produce(name, value, key, partition=partition)
    assert sender.flush(30) == 0
    installed.start()
    installed.until(lambda: installed.changes("checkpoint_behind") > 0)
    installed.wait_for_events(2 * ROWS)
    installed.publish(2 * ROWS)
    installed.wait_for_events(3 * ROWS)


def _values(installed: Installation) -> list[tuple[int, bytes, bytes]]:
    name, newest = topic_name(installed.settings, "checkpoints"), {}
    for partition in range(installed.settings.partitions):
        for message in read_to_end(installed.settings, name, partition):
            newest[partition, message.key()] = message.value()
    return [(partition, key, value) for (partition, key), value in newest.items()]


def test_partitions_that_were_added_are_told_while_the_others_go_on(installed: Installation) -> None:
    installed.publish(0)
    installed.wait_for_events(ROWS)
    settings = installed.settings
    name, more = topic_name(settings, "predictions"), settings.partitions + 2
    admin = admin_client(settings)  # Keep a reference: without it, there is no answer.
    admin.create_partitions([NewPartitions(name, more)])[name].result(30)
    installed.until(lambda: installed.sum("watchkeeper_unread_partitions", topic="predictions") == 2)
    installed.publish(ROWS)
    known = _in_known_partitions(settings, name)
    installed.wait_for_events(known)
    installed.stop()
    installed.start()
    installed.until(lambda: installed.sum("watchkeeper_unread_partitions", topic="predictions") == 2)
    installed.publish(2 * ROWS)
    installed.wait_for_events(_in_known_partitions(settings, name))
    assert f"partitions {settings.partitions} to {more - 1} are not read" in installed.log.read_text()
    installed.stop()
    grown = _run("topics", "grow", "--partitions", str(more), settings=settings)
    told = f"set WATCHKEEPER_PARTITIONS={more} and WATCHKEEPER_SUBJECT_PARTITIONS={settings.partitions}"
    assert told in grown.stderr + grown.stdout
    installed.workers.set(WATCHKEEPER_PARTITIONS=f"{more}")
    installed.workers.set(WATCHKEEPER_SUBJECT_PARTITIONS=f"{settings.partitions}")
    installed.start()
    installed.wait_for_events(3 * ROWS)  # What waited in the added partitions is read.
    installed.publish(3 * ROWS)
    installed.wait_for_events(4 * ROWS)


def _run(*arguments: str, settings: Settings) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    given = {
        "WATCHKEEPER_BROKER": settings.broker,
        "WATCHKEEPER_APPLICATION": settings.application,
        "WATCHKEEPER_TOPIC_PREFIX": settings.topic_prefix,
    }
    command = [sys.executable, "-m", "watchkeeper.streams.cli", *arguments]
    return subprocess.run(command, env=os.environ | given, text=True, capture_output=True, timeout=60)


def test_an_operator_chooses_where_a_stage_goes_on(installed: Installation) -> None:
    installed.publish(0)
    installed.wait_for_events(ROWS)
    refused = _run("topics", "rewind", "--topic", "predictions", "--to-end", settings=installed.settings)
    assert refused.returncode == 2
    assert "stop all workers first" in refused.stderr
    installed.stop()
    installed.publish(ROWS)
    moved = _run("topics", "rewind", "--topic", "predictions", "--to-end", settings=installed.settings)
    assert moved.returncode == 0, moved.stderr
    installed.start()
    installed.publish(2 * ROWS)
    installed.wait_for_events(2 * ROWS)
    assert installed.sum("watchkeeper_lost_offsets_total", cause="rewound") == ROWS
    doctor = _run("doctor", settings=installed.settings)
    assert "ingest/0: predictions: rewound 1 times" in doctor.stdout, doctor.stdout + doctor.stderr
    assert "checkpoints fit the logs of their topics" in doctor.stdout


def _in_known_partitions(settings: Settings, name: str) -> int:
    facts = LogReader(settings).facts([(name, n) for n in range(settings.partitions)])
    return sum(each.end for each in facts.values())
