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
"""For all but `session`, which is the broker's."""
ENDS = {"killed": signal.SIGKILL, "stopped": signal.SIGTERM}
PARTS = {
    "start_seconds": "start: it joins the group",
    "session_seconds": "session: it has partitions",
    "restore_seconds": "restore: all is restored",
    "ready_seconds": "/ready, in all",
    "working_seconds": "a new event is in a checkpoint",
    "cpu_seconds": "processor time by then",
}


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
