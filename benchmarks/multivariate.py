"""Delay of multivariate detectors, beside a KS test of every column with Bonferroni's correction.

Run it with `make bench-multivariate`, or `python -m benchmarks.multivariate [--json FILE] [--quick]`. Each
contestant gets the same reference of 2,000 rows, and a target of one false alarm in 10,000 rows. Healthy rows
measure its ARL. Rows that change from the first one on measure its delay. All random numbers are seeded.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import ks_2samp

from watchkeeper.detectors.multivariate.mahalanobis import Mahalanobis
from watchkeeper.detectors.multivariate.mmd import MmdTest
from watchkeeper.detectors.multivariate.pca import PcaError
from watchkeeper.detectors.multivariate.short_window import ShortWindow
from watchkeeper.detectors.profiles.columns import Floats

ARL, REFERENCE, WINDOW, LONGEST = 10_000, 2_000, 100, 2_000
"""Rows per false alarm, of the reference, of a window, and until a change counts as missed.

A test of each window of 100 rows has the level 100 / 10,000. A missed change counts as a delay of 2,000 rows.
"""


class Row(msgspec.Struct):
    """Figures of one contestant on one change."""

    detector: str
    stream: str
    change: str
    arl_target: int
    arl_measured: float | None
    """Healthy rows per false alarm; None without any false alarm."""
    alarms: int
    delay_mean: float
    miss_rate: float
    us_per_row: float


Contestant = Callable[[Floats], Callable[[Floats], Floats]]
"""Fits a reference and returns a function from rows, in order, to the positions at which it is in alarm."""


def short_window(reference: Floats) -> Callable[[Floats], Floats]:
    window = ShortWindow(reference, arl=ARL)

    def alarms(rows: Floats) -> Floats:
        window.reset()
        return np.flatnonzero(window.update(rows) >= 1)

    return alarms


def ks_of_scores(kind: type[Mahalanobis] | type[PcaError]) -> Contestant:
    def contestant(reference: Floats) -> Callable[[Floats], Floats]:
        score = kind()
        known = score.fit_scores(reference)
        return _windows(lambda rows: float(ks_2samp(known, score.scores(rows)).pvalue))

    return contestant


def mmd(reference: Floats) -> Callable[[Floats], Floats]:
    test = MmdTest.of(reference)

    def p_value(rows: Floats) -> float:
        found = test.compare(test.embed(rows))
        return found.p_value if found else 1.0

    return _windows(p_value)


def bonferroni_ks(reference: Floats) -> Callable[[Floats], Floats]:
    columns = range(reference.shape[1])
    return _windows(
        lambda rows: len(columns) * min(ks_2samp(reference[:, i], rows[:, i]).pvalue for i in columns)
    )


def _windows(p_value: Callable[[Floats], float]) -> Callable[[Floats], Floats]:
    """Test consecutive windows."""

    def alarms(rows: Floats) -> Floats:
        ends = range(WINDOW, len(rows) + 1, WINDOW)
        return np.array([end - 1 for end in ends if p_value(rows[end - WINDOW : end]) <= WINDOW / ARL])

    return alarms


CONTESTANTS: dict[str, Contestant] = {
    "short_window": short_window,
    "mahalanobis + KS": ks_of_scores(Mahalanobis),
    "pca + KS": ks_of_scores(PcaError),
    "mmd": mmd,
    "KS per column, Bonferroni": bonferroni_ks,
}


def columns(n: int, seed: int, change: str = "") -> Floats:
    """Draw ten columns with a common factor."""
    rng = np.random.default_rng(seed)
    rows = np.sqrt(0.5) * rng.normal(size=(n, 1)) + np.sqrt(0.5) * rng.normal(size=(n, 10))
    if change == "correlation break":
        rows = rng.normal(size=(n, 10))  # every column is N(0, 1) as before
    elif change == "new region":
        rows[::5, 0] = -rows[::5, 1]  # a fifth of the rows, each column N(0, 1) as before
    elif change == "shift of one column":
        rows[:, 0] += 0.5
    return rows


def embedding(n: int, seed: int, change: str = "") -> Floats:
    """Draw vectors of 64 columns that span 16 dimensions."""
    basis = np.random.default_rng(7).normal(size=(16, 64)) / 8
    rng = np.random.default_rng(seed)
    shift = 0.25 if change == "embedding shift" else 0.0
    return (rng.normal(size=(n, 16)) + shift) @ basis + 0.05 * rng.normal(size=(n, 64))


STREAMS: dict[str, tuple[Callable[..., Floats], tuple[str, ...]]] = {
    "10 columns": (columns, ("correlation break", "new region", "shift of one column")),
    "64 of embedding": (embedding, ("embedding shift",)),
}


def measure(repetitions: int, healthy: int) -> list[Row]:
    """Measure every contestant on every stream.

    Args:
        repetitions: References per stream. Each gives one delay per change.
        healthy: Healthy rows after each reference.
    """
    rows = []
    for stream, (draw, changes) in STREAMS.items():
        for name, contestant in CONTESTANTS.items():
            watches = [contestant(draw(REFERENCE, seed)) for seed in range(repetitions)]
            began = time.process_time()
            alarms = sum(_apart(watch(draw(healthy, 1000 + seed))) for seed, watch in enumerate(watches))
            cost = (time.process_time() - began) * 1e6 / (healthy * repetitions)
            for change in changes:
                delays = [_delay(watch(draw(LONGEST, 2000 + s, change))) for s, watch in enumerate(watches)]
                missed = float(np.mean([delay is None for delay in delays]))
                mean = float(np.mean([LONGEST if delay is None else delay for delay in delays]))
                arl = healthy * repetitions / alarms if alarms else None
                rows.append(Row(name, stream, change, ARL, arl, alarms, mean, missed, cost))
    return rows


def _apart(alarms: Floats) -> int:
    """Count alarms. Alarms less than a window apart count as one."""
    return int(np.count_nonzero(np.diff(alarms, prepend=-LONGEST) >= WINDOW))


def _delay(alarms: Floats) -> int | None:
    return int(alarms[0]) + 1 if len(alarms) else None


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    rows = measure(2, 2_000) if options.quick else measure(20, 10_000)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n")
    table = Table(title=f"Changes of many columns, at a target of one false alarm in {ARL:,} rows")
    for title in ("detector", "change", "ARL measured", "alarms", "mean delay", "missed", "us per row"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        arl = f"{row.arl_measured:,.0f}" if row.arl_measured else "no alarm"
        delay = f"{row.delay_mean:,.0f}"
        cells = (arl, str(row.alarms), delay, f"{row.miss_rate:.0%}", f"{row.us_per_row:.1f}")
        table.add_row(row.detector, row.change, *cells)
    Console(width=140).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.multivariate", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="use few rows; the figures mean nothing")
    return parser


if __name__ == "__main__":
    main()
