"""False positive rate of each drift measure, relative to its nominal level.

Run it with `make bench-measures` or `python -m benchmarks.measures`. `--help` lists the options.

A reference and many windows are drawn from the same distribution. Numbers are normal, heavy-tailed (Student's
t with 1.5 degrees of freedom), lognormal, discrete with ties (Poisson, mean 2) or mostly zero. Categories
have Zipf's shares; there are 8 or 300 of them. Numbers are binned by the reference as in production: 40 bins
of equal share. The table has one line per measure. It shows the share of windows with a p-value below .05,
.01 and .001, divided by that level, over all distributions (`all`) and for the worst one. 1 is exact, less is
conservative, and 2 is the stated limit. Every ten windows a new reference is drawn, so the rate
is an average over references and windows, not that of one lucky reference.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from watchkeeper.detectors.checks.build_reference import fit_number
from watchkeeper.detectors.checks.drift import (
    Measure,
    chi_squared,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    total_variation,
    wasserstein,
)
from watchkeeper.detectors.checks.drift.places import places
from watchkeeper.detectors.profiles.fixed_point import exact_sums, to_grid
from watchkeeper.detectors.profiles.summaries import NumberSummary
from watchkeeper.schemas.references import NumberBinning

LEVELS = (0.05, 0.01, 0.001)
WINDOWS_OF_A_REFERENCE = 10
Counts = NDArray[np.int64]
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

NUMBERS: dict[str, Draw] = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "heavy-tailed": lambda rng, rows: rng.standard_t(1.5, rows),
    "lognormal": lambda rng, rows: rng.lognormal(0, 1.5, rows),
    "discrete": lambda rng, rows: rng.poisson(2.0, rows).astype(float),
    "mostly zero": lambda rng, rows: np.where(rng.random(rows) < 0.9, 0.0, rng.gamma(0.5, 1, rows)),
}
CATEGORIES = {"8 categories": 8, "300 categories": 300}
OF_NUMBERS = (
    "psi",
    "jensen_shannon",
    "hellinger",
    "total_variation",
    "ks",
    "wasserstein",
    "wasserstein_ranks",
)
OF_CATEGORIES = ("psi", "jensen_shannon", "hellinger", "total_variation", "chi_squared")


class Sizes(NamedTuple):
    """Rows of the reference and of a window."""

    reference: int
    window: int


SIZES = (
    *(Sizes(10_000, rows) for rows in (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)),
    *(Sizes(1_000, rows) for rows in (100, 1000, 20_000)),
    Sizes(100_000, 200),
    Sizes(100_000, 20_000),
)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    console = Console(width=130)
    rows = []
    for sizes in SIZES[: options.sizes]:
        found = measure(sizes, options.windows, options.seed)
        rows += found
        console.print(_table(sizes, options.windows, found))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def measure(sizes: Sizes, windows: int, seed: int) -> list[dict[str, Any]]:
    """Return the rates of false positives of every measure on every distribution."""
    found = []
    for kind in (*NUMBERS, *CATEGORIES):
        rng = np.random.default_rng([seed, *sizes, *kind.encode()])
        p_values: dict[str, list[float]] = {}
        for index in range(windows):
            if index % WINDOWS_OF_A_REFERENCE == 0:
                look = reference(kind, rng, sizes.reference)
            for name, result in look(rng, sizes.window).items():
                p_values.setdefault(name, []).append(1.0 if result is None else result.p_value)
        for name, values in p_values.items():
            found.append(
                {
                    "measure": name, "distribution": kind, "reference_rows": sizes.reference,
                    "rows": sizes.window, "windows": windows,
                    "rates": {str(level): float(np.mean(np.array(values) < level)) for level in LEVELS},
                }
            )  # fmt: skip
    return found


Look = Callable[[np.random.Generator, int], dict[str, Measure | None]]


def reference(kind: str, rng: np.random.Generator, rows: int) -> Look:
    """Draw a reference. Return a function that draws a window and measures it."""
    return _of_categories(CATEGORIES[kind], rng, rows) if kind in CATEGORIES else _of_numbers(kind, rng, rows)


def _of_numbers(kind: str, rng: np.random.Generator, rows: int) -> Look:
    draw = NUMBERS[kind]
    values = draw(rng, rows)
    shape = fit_number(NumberBinning(), values)
    edges = np.array(shape.edges)
    before = _bins(values, edges)
    at = places(_summary(values, shape, before))

    def look(rng: np.random.Generator, rows: int) -> dict[str, Measure | None]:
        after = _bins(draw(rng, rows), edges)
        found = (
            psi(before, after), jensen_shannon(before, after), hellinger(before, after),
            total_variation(before, after), kolmogorov_smirnov(before, after),
            wasserstein(before, after, at), wasserstein(before, after),
        )  # fmt: skip
        return dict(zip(OF_NUMBERS, found, strict=True))

    return look


def _bins(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Counts:
    below = np.searchsorted(np.sort(values), edges)
    return np.diff(np.concatenate(([0], below, [len(values)])))


def _summary(values: NDArray[np.float64], shape: NumberBinning, bins: Counts) -> NumberSummary:
    totals, squares = exact_sums(to_grid(values[None, :], shape.centre, 2.0**shape.exponent))
    low, high = float(values.min()), float(values.max())
    return NumberSummary(len(values), 0, 0, shape, bins, totals[0], squares[0], low, high)


def _of_categories(count: int, rng: np.random.Generator, rows: int) -> Look:
    shares = 1 / np.arange(1, count + 1)
    shares /= shares.sum()
    before = rng.multinomial(rows, shares)

    def look(rng: np.random.Generator, rows: int) -> dict[str, Measure | None]:
        after = rng.multinomial(rows, shares)
        ways = (psi, jensen_shannon, hellinger, total_variation, chi_squared)
        found = (way(before, after, ordered=False) for way in ways)
        return dict(zip(OF_CATEGORIES, found, strict=True))

    return look


def _table(sizes: Sizes, windows: int, rows: list[dict[str, Any]]) -> Table:
    title = f"{sizes.reference:,} rows of reference, {sizes.window:,} in each of {windows:,} windows"
    table = Table(title=title)
    table.add_column("measure", no_wrap=True)
    for level in LEVELS:
        for column in (f"{level} all", "worst", "of"):
            table.add_column(column, justify="right" if column != "of" else "left")
    for name in dict.fromkeys(row["measure"] for row in rows):
        table.add_row(name, *_cells([row for row in rows if row["measure"] == name]))
    return table


def _cells(rows: list[dict[str, Any]]) -> Iterator[str]:
    for level in LEVELS:
        ratios = [row["rates"][str(level)] / level for row in rows]
        worst = int(np.argmax(ratios))
        yield from (f"{np.mean(ratios):.2f}", f"{ratios[worst]:.2f}", rows[worst]["distribution"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.measures", description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=20_000, metavar="N", help="per distribution")
    parser.add_argument("--sizes", type=int, default=len(SIZES), metavar="N", help="only the first N sizes")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rates as data")
    return parser


if __name__ == "__main__":
    main()
