"""CPU cost of adding rows to a `RowsProfile`, beside only parsing the same events.

Run it with `python -m benchmarks.profile_cost [--rows N] [--rounds N]`. The figures are CPU time of one
thread. The ways take turns, and the best round of each counts. The figure of the profile excludes decoding
and building columns.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.events import FEATURES, events, monitor
from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.ingest.columnizer import Columnizer
from watchkeeper.streams.ingest.decode import EventDecoder, SubjectDecoder

BATCHES = (50, 500, 4000)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    costs = measure(options.rows, options.rounds)
    table = Table(title=f"Cost per row of {FEATURES} features")
    table.add_column("what", no_wrap=True)
    table.add_column("us per row", justify="right")
    table.add_column("rows/s", justify="right")
    for what, cost_us in costs.items():
        table.add_row(what, f"{cost_us:.2f}", f"{1e6 / cost_us:,.0f}")
    Console().print(table)


def measure(rows: int, rounds: int) -> dict[str, float]:
    """Return the CPU microseconds per row of each way in its best round."""
    values = [value for _, value in events(rows)]
    columns = to_columns(values)
    layout = Layout.of(MONITOR, build_reference(MONITOR, columns, {}, built_at_ms=0))
    ways: dict[str, Callable[[], None]] = {"orjson.loads": lambda: _parse(values)}
    for batch in BATCHES:
        ways[f"RowsProfile.add, batches of {batch}"] = _adder(layout, columns.chunks(batch))
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for what, way in ways.items():
            began = time.process_time()
            way()
            best[what] = min(best[what], (time.process_time() - began) * 1e6 / rows)
    return best


MONITOR = Monitor.model_validate(monitor())


def to_columns(values: Sequence[bytes]) -> Columns:
    """Decode events of the benchmark's model into one batch of columns."""
    subject = SubjectDecoder(MONITOR)
    decode = EventDecoder([Timeline(subject)], "model").decode_fast
    return Columnizer(subject).columns([decode(value) for value in values], {})


def _parse(values: Sequence[bytes]) -> None:
    for value in values:
        orjson.loads(value)


def _adder(layout: Layout, chunks: Sequence[Columns]) -> Callable[[], None]:
    def add() -> None:
        profile = RowsProfile.empty(layout)
        for chunk in chunks:
            profile.add(chunk)

    return add


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.profile_cost", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=40_000, metavar="N", help="rows in total")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds; the best one counts")
    return parser


if __name__ == "__main__":
    main()
