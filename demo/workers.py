"""Starts the demo's worker processes, reads their metrics and stops them."""

import json
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.kafka.embedded import free_port
from watchkeeper.streams.kafka.guarded_process import GuardedProcess
from watchkeeper.streams.settings import PREFIX, Settings

__all__ = ["EventCount", "Workers", "events_by_outcome"]

HOST = "127.0.0.1"
READY_SECONDS = 60.0
"""Time in seconds that workers have to become ready. Chosen by hand: shorter fails on a busy machine."""
RESPONSE_SECONDS = 5.0
"""Time in seconds that a worker has to answer a request. Chosen by hand: shorter fails on a busy machine."""
_COMMAND = (sys.executable, "-c", "from watchkeeper.streams.cli import main; main()", "worker")

EventCount = Counter[tuple[str, str]]
"""Number of events by topic and outcome."""


class _Running(NamedTuple):
    process: GuardedProcess
    url: str
    log: Path


class Workers:
    """Worker processes that this program starts, each with a log and a port.

    Args:
        settings: The demo's settings.
        count: Number of processes.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="watchkeeper-demo-"))
        self._running = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> _Running:
        port = free_port()
        log = self._folder / f"worker-{number}.log"
        command = ["env", *_environment(self._settings, port), *_COMMAND]
        return _Running(GuardedProcess(command, log), f"http://{HOST}:{port}", log)

    @property
    def metrics_urls(self) -> list[str]:
        """The URL of each worker's metrics."""
        return [f"{each.url}/metrics" for each in self._running]

    def wait_until_ready(self, partitions: int) -> None:
        """Return when every partition has a worker. Raises BrokerError after a minute."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.check()
            assigned = [part for each in self._running for part in _ready(each.url).get("partitions", [])]
            if len({part for part in assigned if part.startswith("ingest/")}) == partitions:
                return
            time.sleep(0.1)
        raise BrokerError(f"the workers were not ready within {READY_SECONDS:g} seconds; {self._logs()}")

    def check(self) -> None:
        """Raise BrokerError if a worker has ended."""
        if any(each.process.ended for each in self._running):
            raise BrokerError(f"a worker of the demo ended unexpectedly; {self._logs()}")

    def events(self) -> EventCount:
        """Return the number of events by topic and outcome, summed over all workers."""
        total: EventCount = Counter()
        for url in self.metrics_urls:
            total += events_by_outcome(_get(url).decode())
        return total

    def close(self) -> None:
        """Stop the workers and remove their logs."""
        for each in self._running:
            each.process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _logs(self) -> str:
        last = [line for each in self._running for line in each.log.read_text().splitlines()[-5:]]
        return "its log ends with:\n" + "\n".join(last) if last else "it has no log"


def events_by_outcome(exposition: str) -> EventCount:
    r"""Parse the counts of events from a worker's metrics.

    >>> line = 'watchkeeper_events_total{topic="labels",partition="%s",outcome="accepted"} 4.0'
    >>> text = "# TYPE watchkeeper_events_total counter\n" + "\n".join(line % p for p in (0, 1)) + "\n"
    >>> events_by_outcome(text)
    Counter({('labels', 'accepted'): 8})
    """
    counts: EventCount = Counter()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == "watchkeeper_events_total":
                counts[sample.labels["topic"], sample.labels["outcome"]] += round(sample.value)
    return counts


def _environment(settings: Settings, port: int) -> list[str]:
    values = {
        "broker": settings.broker,
        "application": settings.application,
        "topic_prefix": settings.topic_prefix,
        "partitions": settings.partitions,
        "checkpoint_seconds": settings.checkpoint_seconds,
        "idle_seconds": settings.idle_seconds,
        "early_labels_seconds": settings.early_labels_seconds,
        "web_host": HOST,
        "web_port": port,
    }
    return [f"{PREFIX}{name.upper()}={value}" for name, value in values.items()]


def _ready(url: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(_get(f"{url}/ready"))
    except (urllib.error.URLError, TimeoutError, ConnectionError):  # not yet
        return {}
    return answer if answer["ok"] else {}


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=RESPONSE_SECONDS) as answer:  # noqa: S310
        body: bytes = answer.read()
    return body
