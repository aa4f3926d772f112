"""`make faults`: many schedules of faults, each compared with the oracle.

python -m tests.faults --seeds 50 --first-seed 1
python -m tests.faults --brokers embedded --seeds 3 --first-seed 17 --json faults.json
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.brokers import Unavailable
from tests.faults.cluster import cluster
from tests.faults.run import Result, run

console = Console(width=None if sys.stdout.isatty() else 160)


def main() -> int:
    """Run the schedules. Return 0 if every one equals the oracle."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="number of schedules (default 50)")
    parser.add_argument("--first-seed", type=int, default=1, help="seed of the first schedule (default 1)")
    parser.add_argument("--brokers", choices=["kafka", "embedded"], default="kafka", help="brokers to use")
    parser.add_argument("--kinds", nargs="+", default=[], help="only these kinds of faults (default all)")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--keep", type=Path, help="keep the workers' logs in this folder")
    parser.add_argument("--list", action="store_true", help="also print the faults of each schedule")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="watchkeeper-faults-"))
    results = []
    with cluster(given.brokers) as brokers:
        console.print(f"{given.seeds} schedules on {brokers.what}; logs in {folder}")
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            result = run(brokers, seed, folder / f"{given.brokers}-{seed}", kinds=given.kinds)
            results.append(result)
            _print(result, given.list)
    _summary(results)
    if given.json:
        given.json.write_text(json.dumps([_document(result) for result in results], indent=1))
    good = sum(result.ok for result in results)
    lost = sum(len(result.difference.lost) for result in results)
    doubled = sum(len(result.difference.doubled) for result in results)
    console.print(f"lost {lost}, doubled {doubled}, schedules {good} of {len(results)}")
    return 0 if good == len(results) else 1


def _print(result: Result, whole: bool) -> None:
    word = "equal" if result.ok else "NOT EQUAL"
    console.print(
        f"{time.strftime('%H:%M:%S')}  seed {result.schedule.seed}: {word}; {result.events} events, "
        f"{result.happened.total()} faults, worst recovery "
        f"{result.worst_recovery_seconds:.1f} s, settled in {result.settled_seconds:.1f} s, "
        f"all in {result.seconds:.0f} s",
        highlight=False,
    )
    if whole or not result.ok:
        for fault in result.schedule.faults:
            console.print(f"    {fault}", highlight=False)
    if not result.ok:
        for line in (
            [f"lost {each}" for each in result.difference.lost[:10]]
            + [f"doubled {each}" for each in result.difference.doubled[:10]]
            + result.troubles
        ):
            console.print(f"    {line}", highlight=False, markup=False)
        console.print(f"    again: python -m tests.faults --seeds 1 --first-seed {result.schedule.seed}")


def _summary(results: list[Result]) -> None:
    table = Table(
        "seed",
        "events",
        "faults",
        "what happened",
        "recoveries",
        "worst, s",
        "settled, s",
        "stop, s",
        "lost",
        "doubled",
    )
    for result in results:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(result.happened.items()))
        table.add_row(
            str(result.schedule.seed),
            f"{result.events:,}",
            str(result.happened.total()),
            kinds,
            str(len(result.recoveries)),
            f"{result.worst_recovery_seconds:.1f}",
            f"{result.settled_seconds:.1f}",
            f"{result.slowest_stop_seconds:.1f}",
            str(len(result.difference.lost)),
            str(len(result.difference.doubled)),
        )
    console.print(table)
    happened: Counter[str] = sum((result.happened for result in results), Counter())
    console.print("all faults: " + ", ".join(f"{kind} {count}" for kind, count in happened.most_common()))


def _document(result: Result) -> dict[str, object]:
    return {
        "seed": result.schedule.seed,
        "ok": result.ok,
        "events": result.events,
        "faults": dict(result.happened),
        "recoveries": [recovery._asdict() for recovery in result.recoveries],
        "settled_seconds": result.settled_seconds,
        "slowest_stop_seconds": result.slowest_stop_seconds,
        "seconds": result.seconds,
        "lost": result.difference.lost,
        "doubled": result.difference.doubled,
        "troubles": result.troubles,
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, pytest.skip.Exception, pytest.fail.Exception) as error:
        sys.exit(str(error))
