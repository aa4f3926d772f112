"""Faults that are injected into healthy rows: kinds, sizes, and the change of the column."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.table import Cells, Table

NEW_CATEGORY = "a new category"
"""The category that replaces others in the fault `new category`."""
_SPELL = 200
"""Number of rows that a recurring fault lasts, and then pauses. Chosen by hand."""
_VALUES_MIN = 10
"""Minimum number of distinct numbers of a column that a fault is put into: with fewer, a shift makes no
sense. Chosen by hand."""
_CORRELATED = 0.3
"""The smallest correlation with another column for the fault `correlation`. Chosen by hand: breaking a weaker
one is hardly a fault."""


class ReferenceMoments(NamedTuple):
    """Mean and standard deviation of a column in the reference."""

    mean: float
    """The mean."""
    sd: float
    """The standard deviation."""


Change = Callable[[Floats, float, ReferenceMoments, np.random.Generator], Floats]
"""Changes numbers, given a size, the reference's moments and a source of random numbers."""


class Kind(NamedTuple):
    """A kind of fault, with its sizes and their unit."""

    sizes: tuple[float, ...]
    """The sizes that are tried."""
    unit: str
    """The unit of a size."""
    change: Change | None = None
    """The change of numbers; None for a fault of cells of any type."""


def _mean(cells: Floats, size: float, known: ReferenceMoments, _: np.random.Generator) -> Floats:
    return cells + size * known.sd


def _gradual(cells: Floats, size: float, known: ReferenceMoments, _: np.random.Generator) -> Floats:
    grown: Floats = np.minimum(1.0, 2 * np.arange(len(cells)) / len(cells))
    return cells + size * known.sd * grown


def _recurring(cells: Floats, size: float, known: ReferenceMoments, _: np.random.Generator) -> Floats:
    there: Floats = (np.arange(len(cells)) // _SPELL % 2 == 0).astype(float)
    return cells + size * known.sd * there


def _variance(cells: Floats, size: float, known: ReferenceMoments, _: np.random.Generator) -> Floats:
    return known.mean + size * (cells - known.mean)


def _shape(cells: Floats, size: float, known: ReferenceMoments, rng: np.random.Generator) -> Floats:
    two_modes = known.mean + known.sd * rng.choice([-1.0, 1.0], len(cells))
    return np.where(np.isfinite(cells) & (rng.random(len(cells)) < size), two_modes, cells)


def _correlation(cells: Floats, size: float, _: ReferenceMoments, rng: np.random.Generator) -> Floats:
    changed, rows = cells.copy(), np.flatnonzero(rng.random(len(cells)) < size)
    changed[rows] = cells[rng.permutation(rows)]
    return changed


def _unit(cells: Floats, size: float, _: ReferenceMoments, __: np.random.Generator) -> Floats:
    return cells * size


KINDS = {
    "mean": Kind((0.25, 0.5, 1.0), "standard deviations, at once", _mean),
    "gradual": Kind((0.25, 0.5, 1.0), "standard deviations, reached half way", _gradual),
    "recurring": Kind((0.5, 1.0), f"standard deviations, {_SPELL} rows on and off", _recurring),
    "variance": Kind((0.5, 1.5, 2.0), "times the standard deviation", _variance),
    "shape": Kind((0.5, 1.0), "share at two modes of the same mean and deviation", _shape),
    "correlation": Kind((0.5, 1.0), "share of cells exchanged with those of other rows", _correlation),
    "unit": Kind((0.4536, 1.609, 1000.0), "factor", _unit),
    "missing": Kind((0.05, 0.2, 0.5), "share of cells emptied"),
    "new category": Kind((0.05, 0.2, 0.5), "share of cells renamed"),
}
"""The kinds of faults by name. The sizes are chosen by hand, from barely visible to gross."""


def columns_for(kind: str, reference: Table) -> list[str]:
    """List the columns that a kind of fault can be injected into.

    Args:
        kind: The kind of fault, one of `KINDS`.
        reference: The rows before the faults.

    >>> known = Table(40, {"a": np.arange(40.0), "b": np.arange(40.0) ** 2, "c": ["NL"] * 40})
    >>> columns_for("correlation", known), columns_for("new category", known), columns_for("missing", known)
    (['a', 'b'], ['c'], ['a', 'b', 'c'])
    """
    columns = reference.columns
    if kind == "missing":
        return list(columns)
    if kind == "new category":
        return [name for name, cells in columns.items() if isinstance(cells, list)]
    numbers = {name: cells for name, cells in columns.items() if _varies(cells)}
    return _correlated(numbers) if kind == "correlation" else list(numbers)


def _varies(cells: Cells) -> bool:
    return not isinstance(cells, list) and len(np.unique(cells[np.isfinite(cells)])) >= _VALUES_MIN


def _correlated(numbers: dict[str, Cells]) -> list[str]:
    """Name the columns that are correlated with another one."""
    if len(numbers) < 2:
        return []
    filled = [np.where(np.isfinite(cells), cells, np.nanmean(cells)) for cells in numbers.values()]  # type: ignore[arg-type]
    strength = np.abs(np.corrcoef(filled)) - np.eye(len(filled))
    return [name for name, row in zip(numbers, strength, strict=True) if row.max() >= _CORRELATED]


def inject(
    rows: Table, at: int, column: str, kind: str, size: float, reference: Table, rng: np.random.Generator
) -> Table:
    """Inject a fault into a copy of the rows, from row `at` to the end.

    Args:
        rows: The healthy rows, which are not changed.
        at: The first row of the fault.
        column: The column of the fault.
        kind: The kind of fault, one of `KINDS`.
        size: The size of the fault, in the unit of its kind.
        reference: The rows whose mean and deviation scale the fault.
        rng: The source of random numbers.

    Returns:
        The rows with the fault.

    >>> rows = Table(4, {"a": np.array([1.0, 2.0, 3.0, 4.0])})
    >>> inject(rows, 2, "a", "unit", 1000.0, rows, np.random.default_rng(1)).columns["a"].tolist()
    [1.0, 2.0, 3000.0, 4000.0]
    """
    part = rows.cut(at).columns[column]
    changed = _cells(part, kind, size, reference.columns[column], rng)
    struck = Table(rows.rows - at, {column: changed})
    whole = Table(at, {column: rows.columns[column][:at]}).then(struck).columns
    return rows._replace(columns={**rows.columns, **whole})


def _cells(cells: Cells, kind: str, size: float, known: Cells, rng: np.random.Generator) -> Cells:
    change = KINDS[kind].change
    if isinstance(cells, list) or change is None:
        hit = rng.random(len(cells)) < size
        if isinstance(cells, list):
            new = NEW_CATEGORY if kind == "new category" else None
            return [new if struck else cell for cell, struck in zip(cells, hit, strict=True)]
        return np.where(hit, np.nan, cells)
    return change(cells, size, _known(known), rng)


def _known(cells: Cells) -> ReferenceMoments:
    numbers = np.asarray(cells, float)
    return ReferenceMoments(float(np.nanmean(numbers)), float(np.nanstd(numbers)))
