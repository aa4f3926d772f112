"""Measures detectors on a user's own history: false alarms, and what becomes of faults put into it."""

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
"""The fewest rows of a history: one half is the reference, the other half the stream. Chosen by hand."""
LEAD = 256
"""Healthy rows before a fault."""
_LIMIT = 2000
_CONFIDENCE = 0.95
_DUMMIES: dict[str, type[Contestant]] = {ALWAYS: Always, NEVER: Never}


class FalseAlarms(Struct):
    """What a detector said on the healthy half of the history."""

    detector: str
    rows: int
    alarms: int
    allowed: float
    """Alarms that the budget has room for in so many rows."""
    low: float
    """With `high`: the 95 % interval of the number of alarms to expect in so many rows, by Poisson's law."""
    high: float

    @property
    def verdict(self) -> str:
        """Say whether it keeps the budget, as far as so many rows can tell."""
        if self.low > self.allowed:
            return "over budget"
        return "within budget" if self.high <= self.allowed else "too few rows to tell"


class Delays(Struct):
    """What became of one kind and size of fault."""

    detector: str
    kind: str
    size: float
    repetitions: int
    delay_mean: float
    """Rows from the fault's begin to the alarm; one that is missed counts as the limit."""
    delay_median: float
    miss_rate: float


class Calibration(Struct):
    """All that was measured."""

    seed: int
    reference_rows: int
    healthy_rows: int
    budget_rows: float
    """Rows to a false alarm."""
    limit: int
    """Rows after which a fault that no alarm has told of is missed."""
    columns: list[str]
    ignored: dict[str, str]
    false_alarms: list[FalseAlarms]
    delays: list[Delays]


class Fault(NamedTuple):
    """One fault of one repetition: where it begins in the healthy rows, and in which column."""

    kind: str
    size: float
    number: int
    at: int
    column: str


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
    """Learn from the first half of a history in order of time, and try the detectors on the second.

    Faults begin at random rows of the second half, after 256 healthy ones. Alarms on those are not counted.
    ValueError for a history that is too short. Cost: half a minute for 20,000 rows of ten columns.
    """
    if history.rows < HISTORY_ROWS_MIN:
        raise ValueError(
            f"it has {history.rows} rows, and less than {HISTORY_ROWS_MIN} say little; take a longer history"
        )
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


def _faults(reference: Table, end: int, repetitions: int, seed: int) -> Iterator[Fault]:
    """Draw where each fault begins; the sizes of a kind share place and column, so they can be compared."""
    for index, (kind, known) in enumerate(KINDS.items()):
        columns = columns_for(kind, reference)
        for number in range(repetitions if columns else 0):
            rng = np.random.default_rng([seed, 1, index, number])
            at, column = int(rng.integers(LEAD, end)), columns[number % len(columns)]
            for size in known.sizes:
                yield Fault(kind, size, number, at, column)


def _count(name: str, alarms: int, rows: int, budget_rows: float) -> FalseAlarms:
    low, high = interval(alarms)
    return FalseAlarms(name, rows, alarms, rows / budget_rows, low, high)


def interval(alarms: int) -> tuple[float, float]:
    """Give the exact 95 % interval of Poisson's mean. Garwood (1936), Fiducial limits.

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
    """Choose detectors: those asked for, or all but those only on demand; the dummies always."""
    chosen = [name for name in (ENGINE, *DETECTORS) if (name in asked if asked else name not in ON_DEMAND)]
    return [*chosen, ALWAYS, NEVER]
