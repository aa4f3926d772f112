"""Real worker processes for tests, and readers of their output."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Producer

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

WindowKey = tuple[str, str, str | None, str, int, int]


class Workers:
    """Worker processes of one installation. All are killed at the end of the test."""

    def __init__(self, settings: Settings, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **os.environ,
            "WATCHKEEPER_BROKER": settings.broker,
            "WATCHKEEPER_APPLICATION": settings.application,
            "WATCHKEEPER_TOPIC_PREFIX": settings.topic_prefix,
            "WATCHKEEPER_PARTITIONS": str(settings.partitions),
            "WATCHKEEPER_WEB_PORT": "0",
            "WATCHKEEPER_CHECKPOINT_SECONDS": "0.3",
            "WATCHKEEPER_IDLE_SECONDS": "2",
            "WATCHKEEPER_EARLY_LABELS_SECONDS": "2",
            "WATCHKEEPER_ALERTMANAGER_HOLD_SECONDS": "0",
            **environment,
        }

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def set(self, **environment: str) -> None:
        """Set variables for workers that are started from now on."""
        self._environment |= environment

    def start(self, count: int = 1) -> list[subprocess.Popen[bytes]]:
        """Start workers."""
        return [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "watchkeeper.streams.cli", "worker"]
        with (self._folder / f"worker-{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        self._processes.append(process)
        return process

    def wait_for_joined(self, seconds: float = 60) -> None:
        """Wait until all started workers are members of the group. A busy machine needs a while for it."""
        deadline = time.monotonic() + seconds
        while not all("generation" in path.read_text() for path in self._logs()):
            assert time.monotonic() < deadline, f"not all joined within {seconds} s\n{self.logs()}"
            time.sleep(0.1)

    def kill(self, number: int) -> None:
        """Kill the n-th started worker."""
        self._processes[number].kill()
        self._processes[number].wait()

    def logs(self) -> str:
        """Return the ends of all logs, for a failing test."""
        return "\n".join(path.read_text()[-3000:] for path in self._logs())

    def _logs(self) -> list[Path]:
        return sorted(self._folder.glob("worker-*.log"))


def apply(settings: Settings, *monitors: Monitor) -> None:
    """Apply monitors."""
    sender = producer(settings)
    for monitor in monitors:
        sender.produce(topic_name(settings, "monitors"), monitor.model_dump_json(), monitor.subject)
    assert sender.flush(30) == 0


def publish(settings: Settings, events: Sequence[tuple[str, str, bytes | None]]) -> None:
    """Publish events, and wait until the broker has acknowledged them."""
    sender: Producer = producer(settings)
    for topic, key, value in events:
        sender.produce(topic_name(settings, topic), value, key)
        sender.poll(0)
    assert sender.flush(60) == 0


def values(settings: Settings, topic: str) -> Iterator[bytes]:
    """Read all records of a topic."""
    partitions = 1 if topic in ("monitors", "references") else settings.partitions
    for partition in range(partitions):
        for message in read_to_end(settings, topic_name(settings, topic), partition):
            if message.value() is not None:
                yield message.value()


def statistics(settings: Settings) -> dict[WindowKey, dict[str, Any]]:
    """Return the statistics of every window. If published twice, they must be equal."""
    found: dict[WindowKey, dict[str, Any]] = {}
    for value in values(settings, "statistics"):
        window = json.loads(value)
        key = tuple(
            window[name]
            for name in ("subject", "version", "segment", "kind", "window_start_ms", "window_end_ms")
        )
        other = found.setdefault(key, window)
        assert other == window, f"{key} was published twice with different values: {other} {window}"
    return found


def rows(found: dict[WindowKey, dict[str, Any]], kind: str) -> int:
    """Sum the rows of all windows of a kind, without segments."""
    return sum(w["rows"] for w in found.values() if w["kind"] == kind and w["segment"] is None)


def rejected(settings: Settings) -> dict[tuple[str, int, int], Rejection]:
    """Return every rejection by the position of its event."""
    decoded = (msgspec.msgpack.decode(value, type=Rejection) for value in values(settings, "rejected"))
    return {(r.topic, r.partition, r.offset): r for r in decoded}


def wait_for_rows(settings: Settings, workers: Workers, wanted: dict[str, int], seconds: float = 90) -> Any:
    """Wait until the statistics hold all rows of each kind. Return the statistics."""
    deadline = time.monotonic() + seconds
    while True:
        found = statistics(settings)
        have = {kind: rows(found, kind) for kind in wanted}
        if have == wanted:
            return found
        assert time.monotonic() < deadline, f"{have} of {wanted} after {seconds} s\n{workers.logs()}"
        time.sleep(0.5)
