"""Events per second on one core, from a topic to statistics, beside the alternatives.

Run it with `make bench` or `python -m benchmarks.throughput`. `--help` lists the options. Without `--broker`
it starts the embedded broker.

All contestants read the same topic: predictions of one model with 16 numbers and 4 categories, about 545
bytes of JSON each, uncompressed, in 4 partitions. The topic is complete before any contestant starts.

- `watchkeeper_json`: one `watchkeeper worker`, a monitor of all 20 features with a reference, every check on;
- `plain_faust_river`: a Faust agent that updates nulls and River's mean, variance, median, ADWIN per event;
- `quix_river`: the same in Quix Streams;
- `consume_and_decode`: `confluent-kafka` consume in batches and typed `msgspec` decode, no statistics.

How it is measured:

- Each contestant is its own process in its own consumer group, with all its threads on one core. The embedded
  broker and the benchmark itself run on the other cores. Where the system cannot pin processes (macOS),
  nothing is pinned.
- The span starts when the first record has arrived and ends when the last one is folded. It excludes start-up
  and joining the group. Watchkeeper's span is read from its `/metrics` (see `watchkeeper_json.py`).
- Contestants take turns in alternating order. The best round of each counts, because other work on the
  machine can only slow it down.
- Slow contestants read only a part of the topic (`_SHARE`). Their rate does not depend on its length.

Limits of the comparison:

- Consumers fetch ahead while they fold. So a span begins with some records already fetched, which favours
  fast contestants by a few percent.
- The embedded broker is in memory and on the same machine.
- The programs with River lose their state when they end. Watchkeeper's figure includes checkpoints,
  deduplication and windows.
"""

import argparse
import json
import os
import platform
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import stages, watchkeeper_json
from benchmarks.contest import ContestantFailed, Figures, run_contestant
from benchmarks.cores import OTHER_CORES, pinned
from benchmarks.events import FEATURES, events
from benchmarks.topic import delete_topics, fill_topic
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.kafka.embedded import EmbeddedBroker

WATCHKEEPER = watchkeeper_json.NAME
_SHARE = {WATCHKEEPER: 1, "plain_faust_river": 10, "quix_river": 4, "consume_and_decode": 1}
"""The contestants. Each reads the first 1/n of the events; the value is n."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        with pinned(OTHER_CORES), _broker(options.broker) as address:
            best = compare(address, options.only, options.events, options.rounds, console)
    except ContestantFailed as failure:
        console.print(str(failure), style="red", markup=False)
        return 1
    except BrokerError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    report = report_of(best, options.events, options.rounds, options.broker)
    if WATCHKEEPER in best:
        ours = best[WATCHKEEPER]
        report["us_per_event"] = stages.measure(worker_us=ours.cpu_seconds * 1e6 / ours.events)
    _print(console, best, report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def compare(
    broker: str, names: Sequence[str], count: int, rounds: int, console: Console
) -> dict[str, Figures]:
    """Run all contestants in each round. Return the best figures of each."""
    records = list(events(count))
    best: dict[str, Figures] = {}
    for round_ in range(rounds):
        prefix = f"bench-{uuid.uuid4().hex[:8]}."
        watchkeeper_json.prepare(broker, prefix)
        fill_topic(broker, f"{prefix}predictions", records)
        for name in names if round_ % 2 == 0 else reversed(names):
            run = watchkeeper_json.run if name == WATCHKEEPER else partial(run_contestant, name)
            figures = run(broker, prefix, max(1, count // _SHARE[name]))
            console.print(f"round {round_ + 1}: {name}: {figures.events_per_second:,.0f} events/s")
            best[name] = max(figures, best.get(name, figures), key=lambda seen: seen.events_per_second)
        delete_topics(broker, prefix)
    return best


@contextmanager
def _broker(address: str | None) -> Iterator[str]:
    if address is not None:
        yield address
        return
    with EmbeddedBroker() as embedded:
        yield embedded.address


def report_of(best: dict[str, Figures], events: int, rounds: int, broker: str | None) -> dict[str, Any]:
    """Return the report that `--json` writes."""
    return {
        "features": FEATURES,
        "events": events,
        "rounds": rounds,
        "broker": broker or "embedded",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        **{name: figures.as_json() for name, figures in best.items()},
        "ratio": _ratios(best, "events_per_second"),
        "ratio_by_cpu": _ratios(best, "events_per_cpu_second"),
    }


def _ratios(best: dict[str, Figures], rate: str) -> dict[str, float]:
    """Return how many times as fast as each contestant Watchkeeper is."""
    rates = {name: figures.as_json()[rate] for name, figures in best.items()}
    ours = rates.pop(WATCHKEEPER, None)
    return {name: round(ours / theirs, 2) for name, theirs in rates.items()} if ours else {}


def _print(console: Console, best: dict[str, Figures], report: dict[str, Any]) -> None:
    title = f"One core, {FEATURES} features, broker: {report['broker']}"
    table = Table(title=title, caption="ratio: rate of Watchkeeper / rate of the contestant")
    table.add_column("contestant", no_wrap=True)
    for column in ("events", "events/s", "ratio", "events/CPU s", "ratio"):
        table.add_column(column, justify="right")
    for name, figures in best.items():
        seen = figures.as_json()
        table.add_row(
            name,
            f"{figures.events:,}",
            f"{seen['events_per_second']:,}",
            str(report["ratio"].get(name, "")),
            f"{seen['events_per_cpu_second']:,}",
            str(report["ratio_by_cpu"].get(name, "")),
        )
    console.print(table)
    if "us_per_event" in report:
        console.print(stages.table(report["us_per_event"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=_count, default=400_000, metavar="N", help="events in the topic")
    parser.add_argument(
        "--rounds", type=_count, default=3, metavar="N", help="rounds; the best of each counts"
    )
    parser.add_argument("--only", nargs="+", choices=list(_SHARE), default=list(_SHARE), metavar="NAME")
    parser.add_argument("--broker", metavar="ADDRESS", help="host:port of a Kafka; default: the embedded one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
