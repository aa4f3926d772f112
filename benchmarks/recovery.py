"""Recovery time of a worker that was killed or stopped, with the state of a thousand monitors.

Run it with `make bench-recovery` or `python -m benchmarks.recovery`. `--help` lists the options. Without
`--broker` it starts the embedded broker.

A worker folds events of every monitor and saves. SIGKILL ends it, one more event is published, and a new
worker starts at once. Its recovery has three parts:

- `start`, until it joins the group: Python, imports, and reading all monitors;
- `session`, until the group assigns it partitions. After a kill the group waits for the dead member until
  `WATCHKEEPER_SESSION_TIMEOUT_SECONDS` (6 by default) after its last heartbeat. The embedded broker makes
  each joining member wait for 3 seconds and may elect the dead member leader: that takes 11 seconds in total;
- `restore`, until `/ready` reports that every stage of every partition is restored.

`working` is the time until `/metrics` reports that the new event is in a checkpoint. `cpu` is the processor
time by then. The same is measured with SIGTERM: a stopped worker leaves the group, so nothing waits for it.
"""

import argparse
import json
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.one_worker import Worker
from benchmarks.thousand import SPAN_SECONDS, event, events, monitor, reference_of
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.kafka.embedded import EmbeddedBroker
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name

LIMIT_SECONDS = 10
"""Longest recovery after a kill, without `session`, which depends on the broker."""
ENDS = {"killed": signal.SIGKILL, "stopped": signal.SIGTERM}
PARTS = {
    "start_seconds": "start: until it joins the group",
    "session_seconds": "session: until it has partitions",
    "restore_seconds": "restore: until all is restored",
    "ready_seconds": "total until /ready",
    "working_seconds": "total until a new event is in a checkpoint",
    "cpu_seconds": "processor time by then",
}


def fill(settings: Settings, options: argparse.Namespace) -> int:
    """Publish the monitors, their references and the events. Return the number of events."""
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
        raise SystemExit("the broker did not accept the benchmark's events")
    return count


def _send(sender: Any, topic: str, key: str, value: bytes) -> None:
    while True:
        try:
            sender.produce(topic, value, key)
            sender.poll(0)
            return
        except BufferError:
            sender.poll(0.1)


def measure(address: str, options: argparse.Namespace) -> dict[str, Any]:
    """Publish, let a worker fold, then replace it after a kill and after a stop. Return the figures."""
    own = uuid.uuid4().hex[:8]
    settings = Settings(broker=address, application=f"recovery-{own}", topic_prefix=f"{own}.")
    count = fill(settings, options)
    worker = Worker(settings)
    restarts = {}
    try:
        folded = worker.until(lambda: worker.saved() >= count and worker.is_calm())
        time.sleep(2)  # until the last checkpoints are written
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
    """Return the times of a worker from its start until it has saved `count` events."""
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
    table.add_column("a new worker", no_wrap=True)
    for name in figures["restarts"]:
        table.add_column(f"after the last was {name}", justify="right")
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
    parser.add_argument("--monitors", type=int, default=1000, metavar="N", help="number of monitors")
    parser.add_argument("--features", type=int, default=10, metavar="N", help="features of each monitor")
    parser.add_argument("--rows", type=int, default=40, metavar="N", help="events of each monitor")
    parser.add_argument("--references", action="store_true", help="publish a reference for each")
    parser.add_argument("--broker", metavar="ADDRESS", help="host:port of a Kafka; default: the embedded one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
