"""How long a worker takes to go on after it was killed or stopped, with the state of a thousand monitors.

Run it with `make bench-recovery` or `python -m benchmarks.recovery`; `--help` lists the options. Without
`--broker` it starts the embedded broker.

A worker folds events of every monitor and saves; it is killed with SIGKILL; one more event is published; a
worker is started at once, and watched from outside, in three parts:

- `start`, until it joins the group: Python, imports, and reading all monitors;
- `session`, until the group gives it partitions: after a kill the group waits for the one that is dead
  (`WATCHKEEPER_SESSION_TIMEOUT_SECONDS`, 6 by default), counted from its last sign of life. The embedded
  broker lets each who joins wait for 3 seconds, and may make the dead one the leader: that takes 11 in all;
- `restore`, until `/ready` says that every stage of every partition is restored.

`working` is the time until `/metrics` says that the new event is in a checkpoint, `cpu` the processor time by
then. The same again with SIGTERM instead of SIGKILL: a worker that is stopped leaves the group, and nobody
waits for it.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.contest import tail
from detectors.reference import Reference, build_reference
from schemas.monitors import Monitor
from streams.broker import EmbeddedBroker, free_port
from streams.ingest.batch import Columnizer
from streams.ingest.decode import EventDecoder, Subject
from streams.kafka import producer, read_to_end
from streams.settings import Settings
from streams.topics import create_topics, topic_name

START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN_SECONDS = 2400  # of event time: several panes of an open window
TIMEOUT_SECONDS = 300
LIMIT_SECONDS = 10
"""For all but `session`, which is the broker's."""
LOG_BYTES_MAX = 1 << 20
REFERENCE_ROWS = 500
STAGES = "ingest", "evaluate", "page", "notify"
ENDS = {"killed": signal.SIGKILL, "stopped": signal.SIGTERM}
PARTS = {
    "start_seconds": "start: it joins the group",
    "session_seconds": "session: it has partitions",
    "restore_seconds": "restore: all is restored",
    "ready_seconds": "/ready, in all",
    "working_seconds": "a new event is in a checkpoint",
    "cpu_seconds": "processor time by then",
}
COMMAND = [sys.executable, "-m", "streams.cli", "worker"]


def monitor(number: int, features: int) -> Monitor:
    """Return one of the monitors."""
    return Monitor.model_validate(
        {
            "model": f"model-{number:04d}",
            "owner": {"team": "bench"},
            "task": "binary-classification",
            "features": {f"number_{i}": {"type": "number"} for i in range(features)},
        }
    )


def event(number: int, row: int, seconds: float, features: list[float]) -> tuple[str, bytes]:
    """Return the key and value of one prediction."""
    key = f"{number}-{row}"
    body = {
        "prediction_id": key,
        "model": f"model-{number:04d}",
        "event_time": (START + timedelta(seconds=seconds)).isoformat(),
        "features": {f"number_{i}": value for i, value in enumerate(features)},
        "prediction": {"score": features[0]},
    }
    return key, msgspec.json.encode(body)


def events(monitors: int, rows: int, features: int) -> Iterator[tuple[str, bytes]]:
    """Yield all events in the order of their times.

    >>> key, value = next(events(2, 3, 1))
    >>> key, json.loads(value)["model"]
    ('0-0', 'model-0000')
    """
    values = np.random.default_rng(0).random((rows, features)).round(6).tolist()
    for row in range(rows):
        for number in range(monitors):
            yield event(number, row, row * SPAN_SECONDS / rows, values[row])


def reference_of(watched: Monitor, features: int) -> Reference:
    """Build a reference from events like those that are folded."""
    subject = Subject(watched)
    decode = EventDecoder([subject], "model").decode_fast
    number = int(watched.subject.removeprefix("model-"))
    values = np.random.default_rng(1).random((REFERENCE_ROWS, features)).round(6).tolist()
    rows = [decode(event(number, row, 0, each)[1]) for row, each in enumerate(values)]
    return build_reference(watched, Columnizer(subject).columns(rows, {}), {}, built_at_ms=0)


def fill(settings: Settings, options: argparse.Namespace) -> int:
    """Publish the monitors, their references and the events; return how many events those are."""
    create_topics(settings)
    sender = producer(settings)
    for number in range(options.monitors):
        watched = monitor(number, options.features)
        sender.produce(topic_name(settings, "monitors"), watched.model_dump_json(), watched.subject)
        if options.references:
            reference = reference_of(watched, options.features).encode()
            _send(sender, topic_name(settings, "references"), watched.subject, reference)
        sender.poll(0)
    sender.flush(60)
    count = 0
    for key, value in events(options.monitors, options.rows, options.features):
        _send(sender, topic_name(settings, "predictions"), key, value)
        count += 1
    if sender.flush(60):
        raise SystemExit("the broker did not take the benchmark's events")
    return count


def _send(sender: Any, topic: str, key: str, value: bytes) -> None:
    while True:
        try:
            sender.produce(topic, value, key)
            sender.poll(0)
            return
        except BufferError:
            sender.poll(0.1)


class Worker:
    """One worker process, asked over HTTP how far it is."""

    def __init__(self, settings: Settings) -> None:
        self.began = time.monotonic()
        self._port = free_port()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        given = {
            "BROKER": settings.broker,
            "TOPIC_PREFIX": settings.topic_prefix,
            "APPLICATION": settings.application,
            "PARTITIONS": str(settings.partitions),
            "WEB_PORT": str(self._port),
        }
        environment = os.environ | {f"WATCHKEEPER_{name}": value for name, value in given.items()}
        self.process = subprocess.Popen(COMMAND, env=environment, stdout=self._log, stderr=self._log)

    def until(self, condition: Callable[[], bool]) -> float:
        """Wait for a condition; return the seconds since the start of the process."""
        while not condition():
            if self.process.poll() is not None or time.monotonic() - self.began > TIMEOUT_SECONDS:
                raise SystemExit(f"the worker did not come that far:\n{tail(self._logged())}")
            time.sleep(0.05)
        return time.monotonic() - self.began

    def has_logged(self, pattern: str) -> bool:
        """Whether there is something in its log; it answers over HTTP only once the group has let it in."""
        return re.search(pattern, self._logged()) is not None

    def is_ready(self, partitions: int) -> bool:
        """Whether every stage of every partition is restored."""
        try:
            ready = json.loads(self._get("ready"))
        except ValueError:
            return False
        return bool(ready["ok"]) and len(ready["partitions"]) == partitions * len(STAGES)

    def saved(self) -> int:
        """Return how many events are in checkpoints."""
        return round(sum(self._samples('watchkeeper_events_total{outcome="accepted"').values()))

    def is_calm(self) -> bool:
        """Whether all records of all stages are folded and saved."""
        lags = self._samples("watchkeeper_lag_records{")
        return bool(lags) and not any(lags.values())

    def cpu_seconds(self) -> float:
        """Return the processor time that it has taken since its start."""
        return sum(self._samples("process_cpu_seconds_total").values())

    def checkpoint_bytes(self) -> dict[str, float]:
        """Return the size of the largest checkpoint of each stage."""
        sizes: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        for labels, size in self._samples("watchkeeper_checkpoint_bytes{").items():
            [stage] = re.findall(r'stage="(\w+)"', labels)
            sizes[stage] = max(size, sizes[stage])
        return sizes

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal, and wait until it is gone."""
        self.process.send_signal(how)
        self.process.wait(TIMEOUT_SECONDS)
        self._log.close()

    def _logged(self) -> str:
        # Not with `seek`: that would move the place at which the worker writes.
        return os.pread(self._log.fileno(), LOG_BYTES_MAX, 0).decode(errors="replace")

    def _samples(self, start: str) -> dict[str, float]:
        lines = (line.rpartition(" ") for line in self._get("metrics").splitlines() if line.startswith(start))
        return {name: float(value) for name, _, value in lines}

    def _get(self, page: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{page}", timeout=10) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError, TimeoutError):  # it is not there, or not ready
            return ""


def measure(address: str, options: argparse.Namespace) -> dict[str, Any]:
    """Fill, end a worker, start one, kill and stop in turn; return the figures."""
    own = uuid.uuid4().hex[:8]
    settings = Settings(broker=address, application=f"recovery-{own}", topic_prefix=f"{own}.")
    count = fill(settings, options)
    worker = Worker(settings)
    restarts = {}
    try:
        folded = worker.until(lambda: worker.saved() >= count and worker.is_calm())
        time.sleep(2)  # the last checkpoints
        sizes = worker.checkpoint_bytes()
        lived = time.monotonic() - worker.began
        written = _checkpoint_bytes(settings)
        for row, (name, how) in enumerate(ENDS.items(), options.rows):
            worker.end(how)
            key, value = event(0, row, SPAN_SECONDS, [0.5] * options.features)
            sender = producer(settings)
            _send(sender, topic_name(settings, "predictions"), key, value)
            sender.flush(30)
            worker = Worker(settings)
            restarts[name] = _restart(worker, settings.partitions, count + 1 + row - options.rows)
    finally:
        worker.end()
    return {
        "monitors": options.monitors,
        "features": options.features,
        "references": options.references,
        "events": count,
        "fold_seconds": round(folded, 2),
        "restarts": restarts,
        "largest_checkpoint_bytes": {stage: round(size) for stage, size in sizes.items()},
        "checkpoint_bytes_per_second": round(written / lived),
    }


def _restart(worker: Worker, partitions: int, count: int) -> dict[str, float]:
    """Watch a worker from its start until it has saved so many events."""
    joins = worker.until(lambda: worker.has_logged("joining the group"))
    assigned = worker.until(lambda: worker.has_logged(r"generation \d+: \S"))
    ready = worker.until(lambda: worker.is_ready(partitions))
    working = worker.until(lambda: worker.saved() >= count)
    seconds = {
        "start": joins,
        "session": assigned - joins,
        "restore": ready - assigned,
        "ready": ready,
        "working": working,
        "cpu": worker.cpu_seconds(),
    }
    return {f"{name}_seconds": round(each, 2) for name, each in seconds.items()}


def _checkpoint_bytes(settings: Settings) -> int:
    return sum(
        len(record.value() or b"")
        for partition in range(settings.partitions)
        for record in read_to_end(settings, topic_name(settings, "checkpoints"), partition)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    with _broker(options.broker) as address:
        figures = measure(address, options) | {"broker": options.broker or "embedded"}
    _print(Console(), figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    killed = figures["restarts"]["killed"]
    return int(killed["working_seconds"] - killed["session_seconds"] > LIMIT_SECONDS)


@contextmanager
def _broker(address: str | None) -> Iterator[str]:
    with nullcontext(address) if address else EmbeddedBroker() as broker:
        yield broker if isinstance(broker, str) else broker.address


def _print(console: Console, figures: dict[str, Any]) -> None:
    title = f"{figures['monitors']:,} monitors of {figures['features']} features, broker: {figures['broker']}"
    table = Table(title=title)
    table.add_column("a worker is started", no_wrap=True)
    for name in figures["restarts"]:
        table.add_column(f"after one was {name}", justify="right")
    for figure, what in PARTS.items():
        seconds = (f"{each[figure]:.2f} s" for each in figures["restarts"].values())
        table.add_row(what, *seconds)
    console.print(table)
    sizes = figures["largest_checkpoint_bytes"].items()
    console.print(
        f"{figures['events']:,} events folded before; largest checkpoints: "
        + ", ".join(f"{stage} {size / 2**10:.0f} KiB" for stage, size in sizes)
        + f"; written: {figures['checkpoint_bytes_per_second'] / 2**10:.0f} KiB/s"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.recovery", description=__doc__.splitlines()[0])
    parser.add_argument("--monitors", type=int, default=1000, metavar="N", help="how many are watched")
    parser.add_argument("--features", type=int, default=10, metavar="N", help="of each monitor")
    parser.add_argument("--rows", type=int, default=40, metavar="N", help="events of each monitor")
    parser.add_argument("--references", action="store_true", help="with a reference for each")
    parser.add_argument("--broker", metavar="ADDRESS", help="host:port of a Kafka; default: the embedded one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
