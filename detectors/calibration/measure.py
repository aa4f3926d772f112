"""Measures detectors on a user's own history: false alarms, and delays of injected faults."""

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from scipy import stats

from watchkeeper.detectors.calibration.contestants import (
    ALWAYS,
    ENGINE,
    NEVER,
    ON_DEMAND,
    Always,
    Contestant,
    Engine,
    Never,
    Online,
)
from watchkeeper.detectors.calibration.injection import KINDS, columns_for, inject
from watchkeeper.detectors.online.registry import DETECTORS
from watchkeeper.detectors.tables.table import Table

HISTORY_ROWS_MIN = 2000
"""Minimum number of rows of a history: half of it is the reference, the other half the stream. Chosen by
hand."""
LEAD = 256
"""Number of healthy rows before a fault. Chosen by hand: detectors settle after the reference."""
_LIMIT = 2000
"""The most rows after a fault in which an alarm finds it. Chosen by hand."""
_CONFIDENCE = 0.95
"""The confidence of the interval of false alarms."""
_DUMMIES: dict[str, type[Contestant]] = {ALWAYS: Always, NEVER: Never}


class FalseAlarms(Struct):
    """The alarms of a detector on the healthy half of the history."""

    detector: str
    """The name of the detector."""
    rows: int
    """The number of healthy rows."""
    alarms: int
    """The number of alarms on them."""
    allowed: float
    """The number of alarms that the budget allows in these rows."""
    low: float
    """The lower end of the 95 % interval of the expected number of alarms, by the Poisson distribution."""
    high: float
    """The upper end of that interval."""

    @property
    def judgement(self) -> str:
        """Report whether the detector keeps the budget, as far as these rows show."""
        if self.low > self.allowed:
            return "over budget"
        return "within budget" if self.high <= self.allowed else "too few rows to decide"


class Delays(Struct):
    """The delays of a detector for one kind and size of fault."""

    detector: str
    """The name of the detector."""
    kind: str
    """The kind of fault."""
    size: float
    """The size of the fault, in the unit of its kind."""
    repetitions: int
    """The number of faults that were injected."""
    delay_mean: float
    """The mean number of rows from the start of the fault to the alarm; a missed fault counts as the
    limit."""
    delay_median: float
    """The median of the same."""
    miss_rate: float
    """The share of faults without an alarm within the limit, 0 to 1."""


class Calibration(Struct):
    """The result of `calibrate`."""

    seed: int
    """The seed that was given."""
    reference_rows: int
    """The number of rows that the detectors learned from."""
    healthy_rows: int
    """The number of rows in the other half."""
    budget_rows: float
    """The budget: rows per false alarm."""
    limit: int
    """The number of rows after which a fault without an alarm is missed."""
    columns: list[str]
    """The columns that were watched."""
    ignored: dict[str, str]
    """The columns that were not watched, each with the reason."""
    false_alarms: list[FalseAlarms]
    """The alarms of each detector on healthy rows."""
    delays: list[Delays]
    """The delays of each detector for each kind and size of fault."""


class InjectedFault(NamedTuple):
    """One fault of one repetition."""

    kind: str
    """The kind of fault."""
    size: float
    """The size of the fault, in the unit of its kind."""
    number: int
    """The number of the repetition."""
    at: int
    """The first row of the fault in the healthy rows."""
    column: str
    """The column of the fault."""


def calibrate(
    history: Table,
    at_most: float,
    per: int | timedelta,
    *,
    detectors: Collection[str],
    seed: int = 1,
    repetitions: int = 5,
    step: Callable[[int, int], object] = lambda *_: None,
) -> Calibration:
    """Measure detectors: learn from the first half of a history, and inject faults into the second.

    Faults start at random rows of the second half, after 256 healthy rows. Alarms on those are not counted.
    Cost: half a minute for 20,000 rows of ten columns.

    Args:
        history: Healthy rows in order of time, at least 2,000.
        at_most: Number of false alarms that are allowed in `per`.
        per: A number of rows, or a span of time for rows that have times.
        detectors: Names of the detectors to measure, among `NAMES`.
        seed: Seed of the places and sizes of the faults.
        repetitions: Number of faults for each kind and size.
        step: Called after each step with the number of steps done and the number of all steps.

    Returns:
        The false alarms and the delays of each detector.

    Raises:
        ValueError: The history has fewer than 2,000 rows.
    """
    if history.rows < HISTORY_ROWS_MIN:
        raise ValueError(f"it has {history.rows} rows; calibration needs at least {HISTORY_ROWS_MIN}")
    half = history.rows // 2
    reference, healthy = history.cut(0, half), history.cut(half)
    engine = Engine(reference, at_most, per)
    usable = {name: cells for name, cells in reference.columns.items() if name not in engine.ignored}
    reference = reference._replace(columns=usable)
    healthy = healthy._replace(columns={name: healthy.columns[name] for name in usable})
    engine = Engine(reference, at_most, per) if engine.ignored else engine
    limit = min(_LIMIT, healthy.rows // 2)
    contestants = {name: _make(name, engine, reference) for name in detectors}
    faults = list(_faults(reference, healthy.rows - limit, repetitions, seed))
    steps, rows = len(contestants) + len(faults), []
    for done, (name, contestant) in enumerate(contestants.items(), 1):
        rows.append(_count(name, contestant.healthy(healthy), healthy.rows, engine.budget_rows))
        step(done, steps)
    found: dict[tuple[str, str, float], list[int | None]] = {}
    for done, fault in enumerate(faults, len(contestants) + 1):
        # Not hash(): the same faults in every process.
        rng = np.random.default_rng(
            [seed, 2, list(KINDS).index(fault.kind), int(fault.size * 1e4), fault.number]
        )
        stream = healthy.cut(fault.at - LEAD, fault.at + limit)
        stream = inject(stream, LEAD, fault.column, fault.kind, fault.size, reference, rng)
        for name, contestant in contestants.items():
            row = contestant.first(stream, fault.column, LEAD)
            delay = None if row is None else row - LEAD + 1
            found.setdefault((name, fault.kind, fault.size), []).append(delay)
        step(done, steps)
    return Calibration(
        seed, half, healthy.rows, engine.budget_rows, limit, list(usable), engine.ignored, rows,
        [_delays(*key, seen, limit) for key, seen in found.items()],
    )  # fmt: skip


def _make(name: str, engine: Engine, reference: Table) -> Contestant:
    if name == ENGINE:
        return engine
    return _DUMMIES[name]() if name in _DUMMIES else Online(name, reference)


def _faults(reference: Table, end: int, repetitions: int, seed: int) -> Iterator[InjectedFault]:
    """Draw the place of each fault; the sizes of a kind share place and column, so they can be compared."""
    for index, (kind, known) in enumerate(KINDS.items()):
        columns = columns_for(kind, reference)
        for number in range(repetitions if columns else 0):
            rng = np.random.default_rng([seed, 1, index, number])
            at, column = int(rng.integers(LEAD, end)), columns[number % len(columns)]
            for size in known.sizes:
                yield InjectedFault(kind, size, number, at, column)


def _count(name: str, alarms: int, rows: int, budget_rows: float) -> FalseAlarms:
    low, high = interval(alarms)
    return FalseAlarms(name, rows, alarms, rows / budget_rows, low, high)


def interval(alarms: int) -> tuple[float, float]:
    """Give the exact 95 % interval of the mean of a Poisson distribution.

    Paper: Garwood (1936), Fiducial limits for the Poisson distribution.

    Args:
        alarms: The number that was counted.

    Returns:
        The lower and the upper end.

    >>> interval(0), interval(10)
    ((0.0, 3.69), (4.80, 18.39))
    """
    tail = (1 - _CONFIDENCE) / 2
    low = float(stats.chi2.ppf(tail, 2 * alarms) / 2) if alarms else 0.0
    return low, float(stats.chi2.ppf(1 - tail, 2 * (alarms + 1)) / 2)


def _delays(name: str, kind: str, size: float, seen: list[int | None], limit: int) -> Delays:
    delays = [limit if delay is None else delay for delay in seen]
    missed = sum(delay is None for delay in seen) / len(seen)
    return Delays(name, kind, size, len(seen), float(np.mean(delays)), float(np.median(delays)), missed)


def names(asked: Collection[str] = ()) -> list[str]:
    """Choose detectors: the named ones, or all except `ON_DEMAND`. The dummies are always included.

    Args:
        asked: Names of detectors; empty chooses the default.
    """
    chosen = [name for name in (ENGINE, *DETECTORS) if (name in asked if asked else name not in ON_DEMAND)]
    return [*chosen, ALWAYS, NEVER]
