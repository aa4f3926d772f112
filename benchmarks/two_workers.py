"""Events per second of two workers beside one, and the time that a rebalance takes.

Run it with `make bench` or `python -m benchmarks.two_workers`. `--help` lists the options. Without `--broker`
it starts the embedded broker.

Restored workers wait while all events are published at once: JSON of 20 features in 4 partitions, as in
`benchmarks.throughput`. The span starts with the first event published and ends when the last is in a
checkpoint. Broker and publisher run on the same machine. On two cores they slow both workers down, so the
rate per second of processor time is shown as well. Three rebalances without load follow:

- `joins`: from the start of a second worker until every stage of every partition is restored, some by it;
- `leaves`: from SIGTERM to the second worker until the first one has everything restored again;
- `dies`: the same with SIGKILL; it contains `WATCHKEEPER_SESSION_TIMEOUT_SECONDS`, 6 by default.
"""

import argparse
import json
import os
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

from benchmarks import watchkeeper_json
from benchmarks.events import events
from benchmarks.one_worker import Worker
from benchmarks.topic import delete_topics, fill_topic
from watchkeeper.streams.kafka.embedded import EmbeddedBroker
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import FLOWS

PARTITIONS = 4
SHARES = PARTITIONS * len(FLOWS)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    report: dict[str, Any] = {"events": options.events, "cores": os.cpu_count()}
    report["broker"] = options.broker or "embedded"
    with nullcontext(options.broker) if options.broker else EmbeddedBroker() as broker:
        address = broker if isinstance(broker, str) else broker.address
        records = list(events(options.events))
        for count in (1, 2):
            report[f"workers_{count}"] = rate(address, records, count)
        report["rebalance_seconds"] = rebalance(address)
    report["ratio"] = _ratio(report, "events_per_second")
    report["ratio_by_cpu"] = _ratio(report, "events_per_cpu_second")
    _print(Console(), report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def rate(broker: str, records: Sequence[tuple[bytes, bytes]], count: int) -> dict[str, float]:
    """Let waiting workers fold the records. Return their rates."""
    with _place(broker) as settings, _workers(settings, count) as workers:
        before = sum(worker.cpu_seconds() for worker in workers)
        began = time.perf_counter()
        fill_topic(broker, f"{settings.topic_prefix}predictions", records)
        workers[0].until(lambda: sum(worker.saved() for worker in workers) >= len(records))
        seconds = time.perf_counter() - began
        cpu = sum(worker.cpu_seconds() for worker in workers) - before
    return {
        "seconds": round(seconds, 1),
        "events_per_second": round(len(records) / seconds),
        "events_per_cpu_second": round(len(records) / cpu),
    }


def rebalance(broker: str) -> dict[str, float]:
    """Let a second worker join, leave, join again and die. Return the seconds of each rebalance."""
    with _place(broker) as settings, _workers(settings, 1) as workers:
        [first] = workers
        found = {}
        for how in (signal.SIGTERM, signal.SIGKILL):
            began = time.perf_counter()
            second = Worker(settings)
            workers.append(second)
            second.until(lambda new=second: 0 < len(new.ready()) < SHARES and _all([first, new]))
            found.setdefault("joins", round(time.perf_counter() - began, 1))
            began = time.perf_counter()
            second.end(how)
            workers.pop()
            first.until(lambda: len(first.ready()) == SHARES)
            found["leaves" if how is signal.SIGTERM else "dies"] = round(time.perf_counter() - began, 1)
        return found


@contextmanager
def _place(broker: str) -> Iterator[Settings]:
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    watchkeeper_json.prepare(broker, prefix)
    yield Settings(broker=broker, topic_prefix=prefix, partitions=PARTITIONS)
    delete_topics(broker, prefix)


@contextmanager
def _workers(settings: Settings, count: int) -> Iterator[list[Worker]]:
    workers = [Worker(settings) for _ in range(count)]
    try:
        workers[0].until(lambda: _all(workers))
        yield workers
    finally:
        for worker in workers:
            worker.end()


def _all(workers: Sequence[Worker]) -> bool:
    """Whether every stage of every partition is restored on exactly one worker, and each worker has some."""
    shares = [worker.ready() for worker in workers]
    together = set().union(*shares)
    return all(shares) and len(together) == SHARES == sum(map(len, shares))


def _ratio(report: dict[str, Any], rate_: str) -> float:
    return round(report["workers_2"][rate_] / report["workers_1"][rate_], 2)


def _print(console: Console, report: dict[str, Any]) -> None:
    table = Table(title=f"{report['events']:,} events, {report['cores']} cores, broker: {report['broker']}")
    for column in ("workers", "events/s", "events/CPU s", "seconds"):
        table.add_column(column, justify="right")
    for count in (1, 2):
        seen = report[f"workers_{count}"]
        rates = f"{seen['events_per_second']:,}", f"{seen['events_per_cpu_second']:,}"
        table.add_row(str(count), *rates, str(seen["seconds"]))
    table.add_row("ratio", str(report["ratio"]), str(report["ratio_by_cpu"]), "")
    console.print(table)
    for what, seconds in report["rebalance_seconds"].items():
        console.print(f"a second worker {what}: {seconds} s until all partitions are restored")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.two_workers", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=300_000, metavar="N", help="events published")
    parser.add_argument("--broker", metavar="ADDRESS", help="host:port of a Kafka; default: the embedded one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
