"""False alarms of the engine on random rows of real tables: odd distributions without any drift.

Run it with `python -m benchmarks.real_tables`. It takes a minute and needs what `make venv` installs.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from river import datasets as of_river
from sklearn import datasets as of_sklearn

from watchkeeper.demo.flights import load
from watchkeeper.detectors import Sentinel

REFERENCES = (200, 500, 2000)
"""Sizes of the references, in rows."""
STREAMS, ROWS, PER = 4, 10_000, 5_000
"""Streams for each reference, the rows of each stream, and the requested rows per false alarm."""


def tables() -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each table with its name."""
    yield "segments", pd.DataFrame([row for row, _ in of_river.ImageSegments()])
    yield "phishing", pd.DataFrame([row for row, _ in of_river.Phishing()])
    for name in ("digits", "breast_cancer", "diabetes", "wine"):
        table = getattr(of_sklearn, f"load_{name}")()
        yield name, pd.DataFrame(table.data, columns=[str(column) for column in table.feature_names])
    for name, rows in zip(("flights", "weather"), load(), strict=True):
        yield name, pd.DataFrame(rows.features)


def alarms(table: pd.DataFrame, reference_rows: int) -> int:
    """Count the alarms, which are all false."""
    found = 0
    for seed in range(STREAMS):
        rng = np.random.default_rng([3, seed])
        reference, stream = (table.iloc[rng.integers(0, len(table), n)] for n in (reference_rows, ROWS))
        found += len(Sentinel.fit(reference, per=PER, after="restart").update(stream))
    return found


def main() -> None:
    allowed = STREAMS * ROWS // PER
    report = Table("table", "columns", *(f"reference of {rows:,} rows" for rows in REFERENCES))
    total = 0
    for name, table in tables():
        counts = [alarms(table, rows) for rows in REFERENCES]
        total += sum(counts)
        report.add_row(name, str(len(table.columns)), *(f"{count} of {allowed}" for count in counts))
    Console().print(report)
    Console().print(f"{total} false alarms; allowed: {allowed * len(REFERENCES) * report.row_count}")


if __name__ == "__main__":
    main()
