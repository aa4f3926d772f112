"""Watchkeeper itself: one `watchkeeper worker` with a monitor of every feature and a reference.

The worker is watched from outside, at its `/metrics`: the span goes from the first scrape that shows folded
events to the first that shows all of them, and events folded before it are not counted. So the figure errs
against Watchkeeper: by the cost of being scraped, and by at most the time between two scrapes.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from typing import IO, NamedTuple

from benchmarks.contest import TIMEOUT_SECONDS, ContestantFailed, Figures, tail
from benchmarks.cores import CONTESTANT_CORE, pinned
from benchmarks.events import SUBJECT, events
from benchmarks.profile_cost import MONITOR, to_columns
from detectors.reference import build_reference
from streams.kafka import producer
from streams.settings import Settings
from streams.topics import create_topics, topic_name

NAME = "watchkeeper_json"
_SCRAPE_SECONDS = 0.1
_REFERENCE_ROWS = 20_000
_EVENTS = re.compile(rb'^watchkeeper_events_total\{[^}]*topic="predictions"[^}]*\} (\S+)$', re.MULTILINE)
_CPU = re.compile(rb"^process_cpu_seconds_total (\S+)$", re.MULTILINE)


class Scrape(NamedTuple):
    """What the worker said of itself at one moment."""

    at_seconds: float
    events: int
    cpu_seconds: float


def prepare(broker: str, topic_prefix: str) -> None:
    """Create the topics, and publish the monitor and a reference from a stream like the measured one."""
    settings = Settings(broker=broker, topic_prefix=topic_prefix)
    create_topics(settings)
    columns = to_columns([value for _, value in events(_REFERENCE_ROWS, seed=1)])
    reference = build_reference(MONITOR, columns, {}, built_at_ms=0)
    to_broker = producer(settings)
    to_broker.produce(topic_name(settings, "references"), reference.encode(), SUBJECT)
    to_broker.produce(topic_name(settings, "monitors"), MONITOR.model_dump_json(), SUBJECT)
    if to_broker.flush(30):
        raise RuntimeError(f"the broker {broker} did not take the benchmark's monitor and reference")


def run(broker: str, topic_prefix: str, events: int) -> Figures:
    """Start a worker on the contestant's core, and measure until it has folded all events."""
    port = _free_port()
    given = {"BROKER": broker, "TOPIC_PREFIX": topic_prefix, "WEB_HOST": "127.0.0.1", "WEB_PORT": str(port)}
    environment = os.environ | {f"WATCHKEEPER_{name}": value for name, value in given.items()}
    command = [sys.executable, "-m", "streams.cli", "worker"]
    with tempfile.TemporaryFile("w+") as log:
        with pinned(CONTESTANT_CORE):
            worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            return follow(worker, log, port, events)
        finally:
            worker.kill()
            worker.wait()


def follow(worker: subprocess.Popen[bytes], log: IO[str], port: int, events: int) -> Figures:
    """Watch the worker until it has folded all events; raise with the tail of its log if it ends."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    first: Scrape | None = None
    while worker.poll() is None and time.monotonic() < deadline:
        now = _scrape(port)
        if now is not None and now.events:
            if first is not None and now.events >= events:
                seconds = now.at_seconds - first.at_seconds
                return Figures(events - first.events, seconds, now.cpu_seconds - first.cpu_seconds)
            first = first or now
        time.sleep(_SCRAPE_SECONDS)
    log.seek(0)
    raise ContestantFailed(f"{NAME}: exit code {worker.poll()}, last seen {first}:\n{tail(log.read())}")


def _scrape(port: int) -> Scrape | None:
    """Ask the worker; None while its server is not there yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return read_scrape(answer.read(), time.perf_counter())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def read_scrape(text: bytes, at_seconds: float) -> Scrape:
    r"""Read the counters out of the text format.

    >>> line = b'watchkeeper_events_total{outcome="accepted",topic="predictions"} 7.0'
    >>> read_scrape(line + b"\nprocess_cpu_seconds_total 1.5", 10.0)
    Scrape(at_seconds=10.0, events=7, cpu_seconds=1.5)
    """
    cpu = _CPU.search(text)
    return Scrape(at_seconds, int(sum(map(float, _EVENTS.findall(text)))), float(cpu[1]) if cpu else 0.0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
