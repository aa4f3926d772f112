"""Detection delays on dependent rows: the engine beside a CUSUM of means. `python -m benchmarks.dependent`.

It takes two minutes. Both learn from the same reference. Each may raise one false alarm in 100,000 rows.
The CUSUM is one-sided and runs on means of 100 rows, with an allowance of a quarter of a standard deviation.
Its threshold is set so that it keeps this rate on a block bootstrap of the reference. It knows in which
direction the mean moves, and detects nothing else.
"""

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.detection.contestant import Floats
from benchmarks.detection.engine import Engine
from benchmarks.detection.healthy import HEALTHY, MONDAY_MS, Healthy

KINDS = (
    "AR(1) .5",
    "AR(1) .9",
    "daily and weekly",
    "telegraph",
    "sessions",
    "counts in bursts",
    "long memory",
    "slow wander",
)
SHIFTS = (0.5, 1.0, 2.0)
"""Changes of the mean, in standard deviations of the reference."""
REPETITIONS, HEALTHY_ROWS, BEFORE, LIMIT, BUDGET = 20, 100_000, 4_000, 20_000, 100_000
"""Streams of each kind; their healthy rows; rows before the change; longest delay; rows per false alarm."""
_BLOCK, _ALLOWANCE, _PIECE, _BOOTSTRAPPED = 100, 0.25, 2_000, 1_000_000
"""CUSUM: rows per mean, allowance in standard deviations, rows per bootstrap block, rows bootstrapped."""


class Cusum:
    """Sums how far the means of blocks exceed the reference mean plus the allowance."""

    def __init__(self, reference: Floats, rng: np.random.Generator) -> None:
        self._centre, self._unit = reference.mean(), reference.std()
        pieces = reference[: len(reference) // _PIECE * _PIECE].reshape(-1, _PIECE)
        healthy = self._steps(pieces[rng.integers(0, len(pieces), _BOOTSTRAPPED // _PIECE)].ravel())
        low, high = 0.0, 1e4
        for _ in range(40):
            self._limit = (low + high) / 2
            often = len(self._alarms(healthy)) > _BOOTSTRAPPED / BUDGET
            low, high = (self._limit, high) if often else (low, self._limit)

    def alarms(self, values: Floats) -> list[int]:
        """Return the rows of its alarms."""
        return [(block + 1) * _BLOCK for block in self._alarms(self._steps(values))]

    def _steps(self, values: Floats) -> Floats:
        means = values[: len(values) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).mean(axis=1)
        steps: Floats = (means - self._centre) / self._unit - _ALLOWANCE
        return steps

    def _alarms(self, steps: Floats) -> list[int]:
        total, found = 0.0, []
        for block, step in enumerate(steps.tolist()):
            total = max(0.0, total + step)
            if total > self._limit:
                total = 0.0
                found.append(block)
        return found


class Counted:
    """Number of false alarms, and the delays by shift."""

    def __init__(self) -> None:
        self.false = 0
        self.delays: dict[float, list[int]] = {shift: [] for shift in SHIFTS}

    def cells(self) -> list[str]:
        """Format them as cells of the table."""
        found = [f"{np.median(delays):,.0f}" for delays in self.delays.values()]
        return [f"{self.false} of {REPETITIONS * HEALTHY_ROWS // BUDGET}", *found]


def measure(number: int, healthy: Healthy) -> tuple[Counted, Counted]:
    """Run the engine and the CUSUM over the same streams."""
    ours, cusums = Counted(), Counted()
    for repetition in range(REPETITIONS):
        rng = np.random.default_rng([17, number, repetition])
        known = healthy.reference_rows
        values = healthy.draw(rng, known + HEALTHY_ROWS + BEFORE + LIMIT)
        reference, calm, last = np.split(values, (known, known + HEALTHY_ROWS))
        cusum, unit = Cusum(reference, rng), reference.std()
        cusums.false += len(cusum.alarms(calm))
        ours.false += len(_engine(healthy, reference).alarms(calm, first_only=False))
        for shift in SHIFTS:
            later = last[BEFORE:] + shift * unit
            cusums.delays[shift].append(next(iter(cusum.alarms(later)), LIMIT))
            ours.delays[shift].append(_delay(_engine(healthy, reference), calm, last[:BEFORE], later))
    return ours, cusums


def _engine(healthy: Healthy, reference: Floats) -> Engine:
    engine = Engine(BUDGET)
    if healthy.every_ms is not None:
        engine.clock(MONDAY_MS, healthy.every_ms)
    engine.fit(reference)
    return engine


def _delay(engine: Engine, calm: Floats, before: Floats, later: Floats) -> int:
    engine.alarms(calm, first_only=False)
    engine.alarms(before, first_only=False)
    return next(iter(engine.alarms(later, first_only=True)), LIMIT)


def main() -> None:
    console = Console()
    shifts = [f"mean +{shift:g} sd" for shift in SHIFTS]
    table = Table(
        "stream", *(f"{name}: {what}" for name in ("engine", "CUSUM") for what in ("false", *shifts))
    )
    for number, name in enumerate(KINDS):
        ours, cusums = measure(number, HEALTHY[name])
        table.add_row(name, *ours.cells(), *cusums.cells())
        console.print(f"measured: {name}", style="dim")
    console.print(table)
    console.print(f"Delays are medians of {REPETITIONS} streams, in rows; {LIMIT:,} is the limit.")


if __name__ == "__main__":
    main()
