"""False discovery rate and power of e-LOND and other rules over 24 looks, with 5 of 100 features drifting.

Run it with `make bench-fdr` or `python -m benchmarks.false_discoveries`. `--help` lists the options.

Each repetition draws a reference of 10,000 rows and 24 windows of correlated normal features: all pairs alike
(equicorrelated, 0.5) or blocks of ten neighbours (autoregressive, 0.8). From the ninth look on, the means of
five features move by 0.1 to 0.3 standard deviations. Rows are counted in 40 bins of equal share of the
reference, and tests see only these counts. A discovery is one feature at one look. Rules:

- `e-LOND`: `detectors/control/`, on e-values of windows. It bounds the share of false discoveries;
- `Bonferroni`: KS p-values below level / (features x looks). It bounds the chance of any false discovery;
- `BH`: Benjamini and Hochberg on the KS p-values of each look alone. It guarantees nothing over several
  looks, nor under arbitrary dependence between features;
- `p < level`: no control.

`false share` is the share of discoveries that are false, averaged over repetitions. `power` is the share of
drifting features and looks that are discovered. 200 repetitions take 20 minutes.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from watchkeeper.detectors.checks.drift import kolmogorov_smirnov
from watchkeeper.detectors.control import ELond, number_e_value

FEATURES, LOOKS, FIRST, BINS = 100, 24, 8, 40
REFERENCE_ROWS = 10_000
SHIFTS = {3: 0.1, 23: 0.15, 43: 0.2, 63: 0.25, 83: 0.3}
"""Change of the mean of each drifting feature, in standard deviations."""
DRIFTING = np.array(list(SHIFTS))
MOVES = np.array(list(SHIFTS.values()))
Rows = NDArray[np.float64]
Found = NDArray[np.bool_]


def equicorrelated(rng: np.random.Generator, rows: int) -> Rows:
    common = rng.standard_normal((rows, 1), np.float32)
    own = rng.standard_normal((rows, FEATURES), np.float32)
    return np.sqrt(0.5, dtype=np.float32) * (common + own)


def blocks(rng: np.random.Generator, rows: int) -> Rows:
    drawn = rng.standard_normal((rows, FEATURES), np.float32)
    for feature in range(FEATURES):
        if feature % 10:
            drawn[:, feature] = 0.8 * drawn[:, feature - 1] + 0.6 * drawn[:, feature]
    return drawn


DEPENDENCE: dict[str, Callable[[np.random.Generator, int], Rows]] = {
    "equicorrelated": equicorrelated,
    "blocks": blocks,
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    rows = [row for kind in DEPENDENCE for row in measure(kind, options)]
    table = Table(
        title=f"{options.repetitions} repetitions, windows of {options.rows} rows, level {options.level}"
    )
    for column in ("dependence", "rule", "false share", "any false", "power", "power, first look"):
        table.add_column(column, justify="left" if column in ("dependence", "rule") else "right")
    for row in rows:
        figures = (row[name] for name in ("false_share", "any_false", "power", "power_first_look"))
        table.add_row(row["dependence"], row["rule"], *(f"{figure:.3f}" for figure in figures))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def measure(kind: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the mean share of false discoveries and the power of each rule."""
    outcomes: dict[str, list[Found]] = {}
    for repetition in range(options.repetitions):
        rng = np.random.default_rng([options.seed, repetition, *kind.encode()])
        for rule, found in discoveries(kind, rng, options.rows, options.level).items():
            outcomes.setdefault(rule, []).append(found)
    return [
        {"dependence": kind, "rule": rule, "repetitions": options.repetitions, **_figures(np.stack(found))}
        for rule, found in outcomes.items()
    ]


def _figures(found: Found) -> dict[str, float]:
    """Summarize discoveries of shape [repetitions, looks, features]."""
    true = np.zeros(found.shape[1:], bool)
    true[FIRST:, DRIFTING] = True
    total = found.sum(axis=(1, 2))
    false = (found & ~true).sum(axis=(1, 2))
    return {
        "false_share": float(np.mean(false / np.maximum(1, total))),
        "any_false": float(np.mean(false > 0)),
        "power": float(found[:, true].mean()),
        "power_first_look": float(found[:, FIRST, DRIFTING].mean()),
    }


def discoveries(kind: str, rng: np.random.Generator, rows: int, level: float) -> dict[str, Found]:
    """Return the discoveries of each rule in one repetition, of shape [looks, features]."""
    draw = DEPENDENCE[kind]
    reference = np.sort(draw(rng, REFERENCE_ROWS), axis=0)
    edges = reference[np.arange(1, BINS) * REFERENCE_ROWS // BINS].T
    before = [_bins(column, of) for column, of in zip(reference.T, edges, strict=True)]
    e_values, p_values = np.empty((LOOKS, FEATURES)), np.empty((LOOKS, FEATURES))
    for look in range(LOOKS):
        window = draw(rng, rows)
        if look >= FIRST:
            window[:, DRIFTING] += MOVES.astype(np.float32)
        for feature, column in enumerate(np.sort(window, axis=0).T):
            after = _bins(column, edges[feature])
            e_values[look, feature] = number_e_value(before[feature], after) or 0.0
            test = kolmogorov_smirnov(before[feature], after)
            p_values[look, feature] = test.p_value if test else 1.0
    control = ELond(level, looks=LOOKS)
    return {
        "e-LOND": np.stack([_at(control.look(each.tolist())) for each in e_values]),
        "Bonferroni": p_values <= level / (FEATURES * LOOKS),
        "BH": np.stack([_benjamini_hochberg(each, level) for each in p_values]),
        "p < level": p_values < level,
    }


def _bins(ordered: Rows, edges: Rows) -> NDArray[np.int64]:
    below = np.searchsorted(ordered, edges)
    return np.diff(np.concatenate(([0], below, [len(ordered)])))


def _at(places: list[int]) -> Found:
    found = np.zeros(FEATURES, bool)
    found[places] = True
    return found


def _benjamini_hochberg(p_values: Rows, level: float) -> Found:
    ordered = np.sort(p_values)
    enough = np.flatnonzero(ordered <= level * np.arange(1, FEATURES + 1) / FEATURES)
    return p_values <= (ordered[enough[-1]] if len(enough) else -1.0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.false_discoveries", description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=200, metavar="N")
    parser.add_argument("--rows", type=int, default=1000, metavar="N", help="in each window")
    parser.add_argument("--level", type=float, default=0.1, metavar="SHARE", help="of false discoveries")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as data")
    return parser


if __name__ == "__main__":
    main()
