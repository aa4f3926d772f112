"""Plants bugs in the workers. The schedules must detect each of them, or they prove nothing.

python -m tests.faults.planted
python -m tests.faults.planted --only no-fence --brokers kafka --seeds 5 --first-seed 1
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.brokers import Unavailable
from tests.faults.cluster import Cluster, cluster
from tests.faults.plants import PLANTS
from tests.faults.run import Result, run

console = Console(width=None if sys.stdout.isatty() else 160)


def main() -> int:
    """Plant each bug. Return 0 if all were detected."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.planted", description=__doc__)
    parser.add_argument("--only", choices=PLANTS, nargs="+", default=list(PLANTS), help="only these bugs")
    parser.add_argument("--seeds", type=int, default=5, help="most schedules for each (default 5)")
    parser.add_argument("--first-seed", type=int, default=1, help="seed of the first schedule (default 1)")
    parser.add_argument("--brokers", choices=["kafka", "embedded"], default="embedded", help="on which")
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    table = Table("planted", "which is", "caught by seed", "lost", "doubled", "for example")
    survived = []
    with (
        cluster(given.brokers) as brokers,
        tempfile.TemporaryDirectory(prefix="watchkeeper-planted-") as folder,
    ):
        for name in given.only:
            result = _catch(brokers, name, seeds, Path(folder))
            if result is None:
                survived.append(name)
                table.add_row(name, PLANTS[name].what, "none", "", "", "")
                continue
            difference = result.difference
            table.add_row(
                name,
                PLANTS[name].what,
                str(result.schedule.seed),
                str(len(difference.lost)),
                str(len(difference.doubled)),
                [*difference.lost, *difference.doubled][0][:120],
            )
    console.print(table, markup=False)
    caught = len(given.only) - len(survived)
    console.print(f"caught {caught} of {len(given.only)}", highlight=False)
    return 1 if survived else 0


def _catch(brokers: Cluster, name: str, seeds: range, folder: Path) -> Result | None:
    """Run schedules until one differs from the oracle. Other problems do not count."""
    for seed in seeds:
        result = run(brokers, seed, folder / f"{name}-{seed}", plant=name)
        is_caught = not result.difference.is_none
        word = "caught" if is_caught else f"survived; {result.troubles[:1]}"
        console.print(
            f"{time.strftime('%H:%M:%S')}  {name}: seed {seed} {word}", highlight=False, markup=False
        )
        if is_caught:
            return result
    return None


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, pytest.skip.Exception, pytest.fail.Exception) as error:
        sys.exit(str(error))
