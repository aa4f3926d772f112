"""Watchkeeper itself: one `watchkeeper worker` with a monitor of every feature and a reference.

The span is read from the worker's `/metrics`. It starts with the first scrape at which every partition has
folded events (reading checkpoints is start-up), and ends with the first that shows all events folded. Events
folded before the span are not counted. So the figure is slightly too low for Watchkeeper: by the cost of a
dozen scrapes, and by a few hundredths of a second at the end.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from benchmarks.contest import ContestantFailed, Figures, tail
from benchmarks.cores import CONTESTANT_CORE, pinned
from benchmarks.events import SUBJECT, events
from benchmarks.profile_cost import MONITOR, to_columns
from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name

NAME = "watchkeeper_json"
_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5  # the first measured rate may be that of a slow start
_PARTITIONS = 4
_TIMEOUT_SECONDS = 90
_REFERENCE_ROWS = 20_000
_FOLDED = ("watchkeeper_rows_total", 'stage="ingest"', 'topic="predictions"')
_ACCEPTED = ("watchkeeper_events_total", 'outcome="accepted"', 'topic="predictions"')
_CPU = ("process_cpu_seconds_total",)


class Scrape(NamedTuple):
    """Metrics of the worker at one moment."""

    at_seconds: float
    partitions: int
    """Number of partitions with folded events."""
    folded: int
    accepted: int
    """Folded events that are in the statistics and in a checkpoint."""
    cpu_seconds: float


def prepare(broker: str, topic_prefix: str) -> None:
    """Create the topics. Publish the monitor, and a reference from a stream like the measured one."""
    settings = Settings(broker=broker, topic_prefix=topic_prefix, partitions=_PARTITIONS)
    create_topics(settings)
    columns = to_columns([value for _, value in events(_REFERENCE_ROWS, seed=1)])
    reference = build_reference(MONITOR, columns, {}, built_at_ms=0)
    to_broker = producer(settings)
    to_broker.produce(topic_name(settings, "references"), reference.encode(), SUBJECT)
    to_broker.produce(topic_name(settings, "monitors"), MONITOR.model_dump_json(), SUBJECT)
    if to_broker.flush(30):
        raise RuntimeError(f"the broker {broker} did not accept the benchmark's monitor and reference")


def run(broker: str, topic_prefix: str, events: int) -> Figures:
    """Start a worker on the contestant's core. Measure until it has folded all events."""
    port = _free_port()
    given = {
        "BROKER": broker,
        "TOPIC_PREFIX": topic_prefix,
        "PARTITIONS": str(_PARTITIONS),
        "WEB_PORT": str(port),
    }
    environment = os.environ | {f"WATCHKEEPER_{name}": value for name, value in given.items()}
    command = [
        sys.executable,
        "-c",
        "from watchkeeper.streams.cli import main; main()",
        "worker",
    ]
    with tempfile.TemporaryFile("w+") as log:
        with pinned(CONTESTANT_CORE):
            worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            return follow(worker, log, port, events)
        finally:
            worker.kill()
            worker.wait()


def follow(worker: subprocess.Popen[bytes], log: IO[str], port: int, events: int) -> Figures:
    """Follow the worker until it has folded all events.

    Raises:
        ContestantFailed: It did not. The message holds the last lines of its log.
    """
    scrapes = _scrapes(worker, port, events)
    first = next((scrape for scrape in scrapes if scrape.partitions == _PARTITIONS), None)
    last = next((scrape for scrape in scrapes if scrape.folded >= events), None)
    # Late and duplicate events cost less. Only a run that accepted every event counts.
    if first is None or last is None or not any(scrape.accepted == events for scrape in scrapes):
        log.seek(0)
        raise ContestantFailed(f"{NAME}: exit code {worker.poll()}, {last or first}:\n{tail(log.read())}")
    if last.folded == first.folded:
        raise ContestantFailed(f"{NAME}: {events} events are too few to measure: set a larger --events")
    seconds = last.at_seconds - first.at_seconds
    return Figures(events - first.folded, seconds, last.cpu_seconds - first.cpu_seconds)


def _scrapes(worker: subprocess.Popen[bytes], port: int, events: int) -> Iterator[Scrape]:
    """Scrape the worker repeatedly, until it ends or the time limit is reached."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    first: Scrape | None = None
    while worker.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                now = read_scrape(answer.read().decode(), time.perf_counter())
        except (urllib.error.URLError, ConnectionError, TimeoutError):  # not started yet
            time.sleep(_PAUSE_SECONDS)
            continue
        yield now
        first = first or (now if now.partitions == _PARTITIONS else None)
        time.sleep(_PAUSE_SECONDS if first is None else pause_seconds(first, now, events))


def pause_seconds(first: Scrape, now: Scrape, events: int) -> float:
    """Return half of the expected remaining time, so that scrapes are few and the last one is in time.

    >>> pause_seconds(Scrape(0.0, 4, 0, 0, 0.0), Scrape(1.0, 4, 500, 0, 0.0), 1000)
    0.5
    """
    rate = (now.folded - first.folded) / (now.at_seconds - first.at_seconds) if now != first else 0.0
    rest_seconds = (events - now.folded) / rate if rate else 0.0
    return min(max(_PAUSE_SECONDS, rest_seconds / 2), _LONGEST_PAUSE_SECONDS)


def read_scrape(text: str, at_seconds: float) -> Scrape:
    """Parse the counters of a scrape."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    folded, accepted, cpu = (_series(lines, *what) for what in (_FOLDED, _ACCEPTED, _CPU))
    return Scrape(at_seconds, sum(map(bool, folded)), int(sum(folded)), int(sum(accepted)), sum(cpu))


def _series(lines: Sequence[str], name: str, *labels: str) -> list[float]:
    """Return the values of the series of a metric that have all of these labels.

    >>> _series(['up{a="1",b="2"} 3.0', 'up{a="2"} 4.0', 'ups 5.0'], "up", 'a="1"')
    [3.0]
    """
    series = (line for line in lines if line.startswith((f"{name}{{", f"{name} ")))
    return [float(line.rpartition(" ")[2]) for line in series if all(label in line for label in labels)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
