"""Measure detectors: `make bench-detection ARGS='--json FILE'`.

Each contestant learns from 10,000 healthy rows. Three measurements follow:

1. More healthy rows. False alarms give the ARL, the mean number of rows to a false alarm.
2. A change after 10,000 more healthy rows. The delay is the number of rows from the change to the alarm.
3. Healthy rows that are seasonal, bursty or of an odd distribution. Alarms are compared with what the target
   allows.

All random numbers are seeded by their purpose (`streams.generator`), so every contestant sees the same rows.
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
        sys.exit(f"no contestant matches {' or '.join(options.only)}; there are {', '.join(CONTESTANTS)}")
    effort = QUICK
    if not options.quick:
        effort = FULL.with_more(options.repetitions, options.rows, options.healthy_streams)
    rows = run(tasks, effort, options.processes)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n")
    Console(width=None if sys.stdout.isatty() else 140).print(table(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.detection", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only contestants whose name contains NAME",
    )
    parser.add_argument(
        "--stream", action="append", default=[], metavar="NAME", help="only streams whose name contains NAME"
    )
    parser.add_argument("--quick", action="store_true", help="use few rows; the figures mean nothing")
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        type=float,
        metavar="ROWS",
        help="target: rows per false alarm",
    )
    parser.add_argument(
        "--repetitions", type=int, default=FULL.repetitions, metavar="N", help="repetitions of each change"
    )
    parser.add_argument(
        "--rows", type=int, default=FULL.events, metavar="N", help="most healthy rows for the ARL"
    )
    parser.add_argument(
        "--healthy-streams",
        type=int,
        default=FULL.healthy_streams,
        metavar="N",
        help="streams of each kind that is healthy but not independent",
    )
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    return parser


if __name__ == "__main__":
    main()
