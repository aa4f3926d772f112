"""CPU cost of the engine per value, beside decoding the same events: `make bench-detection-cost`.

The input is 16 numeric and 4 categorical features, as columns in memory. Each line is the best of several
alternating rounds in one process, in processor time. The ratio compares it with `orjson.loads` of the same
rows.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from watchkeeper.detectors import Sentinel

ROWS, REFERENCE, CHUNK, ROUNDS = 20_000, 10_000, 1000, 5
NUMBERS, CATEGORIES = 16, 4
SEED = 20261125
NEVER = 10**12
"""Rows per false alarm. So large that no alarm disturbs the measurement."""
Rows = dict[str, object]


class Cost(msgspec.Struct):
    """One line of the table."""

    what: str
    us_per_value: float
    times_orjson: float


def rows(rng: np.random.Generator, n: int) -> Rows:
    numbers = {f"number_{index}": rng.normal(50, 10, n).round(3) for index in range(NUMBERS)}
    categories = {
        f"category_{index}": rng.choice(list("abcdefgh"), n).astype(object) for index in range(CATEGORIES)
    }
    return {**numbers, **categories}


def some(table: Rows, prefix: str) -> Rows:
    return {name: column for name, column in table.items() if name.startswith(prefix)}


def watching(reference: Rows, table: Rows) -> Callable[[], None]:
    sentinel = Sentinel.fit(reference, per=NEVER)
    chunks = [
        {name: column[start : start + CHUNK] for name, column in table.items()}  # type: ignore[index]
        for start in range(0, ROWS, CHUNK)
    ]

    def run() -> None:
        for chunk in chunks:
            sentinel.update(chunk)

    return run


def measure() -> list[Cost]:
    rng = np.random.default_rng(SEED)
    reference, table = rows(rng, REFERENCE), rows(rng, ROWS)
    lists = {name: column.tolist() for name, column in table.items()}  # type: ignore[attr-defined]
    events = [orjson.dumps(dict(zip(lists, row, strict=True))) for row in zip(*lists.values(), strict=True)]
    one = {"number_0": reference["number_0"]}
    runs: dict[str, tuple[int, Callable[[], None]]] = {
        "orjson.loads of the same events": (20, lambda: [orjson.loads(event) for event in events] and None),
        "every default detector on 20 features": (20, watching(reference, table)),
        "of which 16 numbers": (16, watching(some(reference, "number"), some(table, "number"))),
        "of which 4 categories": (4, watching(some(reference, "category"), some(table, "category"))),
        "one number alone": (1, watching(one, {"number_0": table["number_0"]})),
    }
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for what, (_, run) in runs.items():
            start = time.process_time()
            run()
            best[what] = min(best[what], time.process_time() - start)
    yardstick = best["orjson.loads of the same events"]
    return [
        Cost(what, seconds / ROWS / runs[what][0] * 1e6, seconds / yardstick)
        for what, seconds in best.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    found = measure()
    shown = Table("what", "µs a value", "times orjson.loads")
    for cost in found:
        shown.add_row(cost.what, f"{cost.us_per_value:.3f}", f"{cost.times_orjson:.2f}")
    Console().print(shown)
    if options.json:
        options.json.write_bytes(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
