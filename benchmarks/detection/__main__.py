"""Measure detectors: `make bench-detection ARGS='--json FILE'`.

Each contestant is shown 10,000 healthy rows and then (1) goes on with healthy rows: its false alarms give the
ARL, the mean number of rows to one; (2) meets a change after 10,000 more: the delay is the rows to its alarm;
(3) goes on with rows that are healthy but seasonal, bursty or of an odd shape: alarms against what its target
allows.
All random numbers are seeded by their place (`streams.generator`), so every contestant sees the same rows.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.detection.contestants import CONTESTANTS
from benchmarks.detection.effort import FULL, QUICK
from benchmarks.detection.rows import table
from benchmarks.detection.tasks import choose, run


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    tasks = choose(options.only, options.stream, options.target)
    if not tasks:
        sys.exit(
            f"no contestant has a name with {' or '.join(options.only)}; there are {', '.join(CONTESTANTS)}"
        )
    effort = QUICK
    if not options.quick:
        effort = FULL.with_more(options.repetitions, options.rows, options.healthy_streams)
    rows = run(tasks, effort, options.processes)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n")
    Console(width=None if sys.stdout.isatty() else 140).print(table(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.detection", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="contestants with that in their name"
    )
    parser.add_argument(
        "--stream", action="append", default=[], metavar="NAME", help="streams with that in their name"
    )
    parser.add_argument("--quick", action="store_true", help="few rows: shows that it runs, measures nothing")
    parser.add_argument(
        "--target", action="append", default=[], type=float, metavar="ROWS", help="rows to a false alarm"
    )
    parser.add_argument(
        "--repetitions", type=int, default=FULL.repetitions, metavar="N", help="of each change"
    )
    parser.add_argument(
        "--rows", type=int, default=FULL.events, metavar="N", help="healthy ones at most, for the ARL"
    )
    parser.add_argument(
        "--healthy-streams",
        type=int,
        default=FULL.healthy_streams,
        metavar="N",
        help="of each kind that is healthy but not independent",
    )
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    return parser


if __name__ == "__main__":
    main()
