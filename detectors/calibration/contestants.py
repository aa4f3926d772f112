"""The detectors that are compared: the engine, online detectors on each column, and two dummies."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Protocol

import numpy as np

from watchkeeper.detectors.online.registry import DETECTORS
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.sentinel.sentinel import After, Sentinel
from watchkeeper.detectors.tables.table import Cells, Table

_TIME = "time of the row"
"""The name of the column of times that `as_rows` adds."""
ON_DEMAND = frozenset(("kswin", "risk"))
"""Detectors that run only if they are named: KSWIN takes 150 us per value, a hundred times more than the
others. `risk` is for losses, not for any column."""
_CHUNK = 256
"""Number of rows that the engine processes before the check for an alarm. Chosen by hand: it saves processing
the rows after the first alarm."""
ENGINE = "Sentinel"
"""The name of the engine."""
ALWAYS = "always fires"
"""The name of the dummy that alarms at each row."""
NEVER = "never fires"
"""The name of the dummy that never alarms."""
NAMES = (ENGINE, *DETECTORS, ALWAYS, NEVER)
"""The names of all detectors that can be compared."""


class Contestant(Protocol):
    """A detector that is compared. Each call starts at the end of the reference."""

    def healthy(self, rows: Table) -> int:
        """Count the alarms on rows without a fault."""

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Return the first row from `start` on after which it raises an alarm, or None.

        Args:
            rows: The stream.
            column: The column that the fault is in.
            start: Index of the first row with the fault.
        """


class Engine:
    """One `Sentinel` over all columns.

    Args:
        reference: The rows to learn from, in order of time.
        at_most: Number of false alarms that are allowed in `per`.
        per: A number of rows, or a span of time.
    """

    def __init__(self, reference: Table, at_most: float, per: Any) -> None:
        def fitted(after: After) -> Sentinel:
            return Sentinel.fit(as_rows(reference), at_most=at_most, per=per, time=time, after=after)

        time = _TIME if reference.times_ms is not None else None
        self._relearns, self._restarts = fitted("relearn"), fitted("restart")
        self.budget_rows = self._relearns.budget_rows
        """The budget: rows per false alarm, at least."""
        self.ignored = self._relearns.ignored
        """Columns that are not watched, each with the reason."""

    def healthy(self, rows: Table) -> int:
        """Count the alarms as in use, where the engine learns a new reference after an alarm.

        Args:
            rows: Rows without a fault.
        """
        return len(deepcopy(self._relearns).update(as_rows(rows)))

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give the first row from `start` on after which it alarms; an earlier alarm restarts the search.

        Args:
            rows: Rows with a fault.
            column: The column of the fault; not used, because all columns are watched.
            start: The first row of the fault.
        """
        sentinel = deepcopy(self._restarts)
        for at in range(0, rows.rows, _CHUNK):
            for alarm in sentinel.update(as_rows(rows.cut(at, at + _CHUNK))):
                if alarm.row >= start:
                    return alarm.row
        return None


class Online:
    """An online detector on each column, with its default settings, fed ranks among the reference.

    Args:
        name: The name of the detector, one of `DETECTORS`.
        reference: The rows to learn from, in order of time.
    """

    def __init__(self, name: str, reference: Table) -> None:
        self._restore = DETECTORS[name].restore
        self._ranks = {column: Ranks(cells) for column, cells in reference.columns.items()}
        self._learned = {column: self._learn(name, reference, column) for column in self._ranks}

    def _learn(self, name: str, reference: Table, column: str) -> bytes:
        values = self._ranks[column].of(reference.columns[column])
        detector = DETECTORS[name].make(float(values.mean()), 0.0)
        if name != "e_sr":  # it is given the mean; the others learn it
            for value in values.tolist():
                detector.update(value)
        return detector.snapshot()

    def healthy(self, rows: Table) -> int:
        """Count the alarms on all columns.

        Args:
            rows: Rows without a fault.
        """
        return sum(1 for column in self._ranks for _ in self._alarms(rows, column))

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give the first row from `start` on after which it alarms on one column.

        Args:
            rows: Rows with a fault.
            column: The column of the fault.
            start: The first row of the fault.
        """
        return next((row for row in self._alarms(rows, column) if row >= start), None)

    def _alarms(self, rows: Table, column: str) -> Iterator[int]:
        update = self._restore(self._learned[column]).update
        values = self._ranks[column].of(rows.columns[column]).tolist()
        return (row for row, value in enumerate(values) if update(value))


class Always:
    """A dummy that alarms at each row: the shortest possible delay, and the most false alarms."""

    def healthy(self, rows: Table) -> int:
        """Count an alarm for each row.

        Args:
            rows: Rows without a fault.
        """
        return rows.rows

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give the first row of the fault.

        Args:
            rows: Rows with a fault; not used.
            column: The column of the fault; not used.
            start: The first row of the fault.
        """
        return start


class Never:
    """A dummy that never alarms: no false alarms, and every fault is missed."""

    def healthy(self, rows: Table) -> int:
        """Count no alarm.

        Args:
            rows: Rows without a fault; not used.
        """
        return 0

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give no row.

        Args:
            rows: Rows with a fault; not used.
            column: The column of the fault; not used.
            start: The first row of the fault; not used.
        """
        return None


class Ranks:
    """Maps cells to [0, 1] by their rank in the reference.

    Common categories have the lowest ranks. Missing and unseen values have the rank 1.

    Args:
        reference: The cells of a column in the reference.

    >>> Ranks(np.array([1.0, 2.0, 3.0, 4.0])).of(np.array([2.5, 9.0, np.nan])).tolist()
    [0.5, 1.0, 1.0]
    >>> Ranks(["NL", "NL", "NL", "DE"]).of(["NL", "DE", "FR", None]).tolist()
    [0.375, 0.875, 1.0, 1.0]
    """

    def __init__(self, reference: Cells) -> None:
        self._sorted: Floats | None = None
        self._places: dict[str | None, float] = {}
        if not isinstance(reference, list):
            self._sorted = np.sort(reference[np.isfinite(reference)])
            return
        names, counts = np.unique([cell for cell in reference if cell is not None], return_counts=True)
        below = 0
        for index in np.argsort(-counts, kind="stable"):
            self._places[str(names[index])] = (below + counts[index] / 2) / counts.sum()
            below += counts[index]

    def of(self, cells: Cells) -> Floats:
        """Give the rank of each cell, shape (rows,).

        Args:
            cells: Cells of the same column.
        """
        if isinstance(cells, list):
            return np.array([self._places.get(cell, 1.0) for cell in cells], float)
        if self._sorted is None or not len(self._sorted):
            return np.ones(len(cells))
        low, high = (np.searchsorted(self._sorted, cells, side) for side in ("left", "right"))
        ranks: Floats = np.where(np.isfinite(cells), (low + high) / 2 / len(self._sorted), 1.0)
        return ranks


def as_rows(table: Table) -> dict[str, Any]:
    """Give a table as `Sentinel` takes it: a dict of columns, with the times as one of them.

    Args:
        table: The table.
    """
    times = {} if table.times_ms is None else {_TIME: table.times_ms.astype("datetime64[ms]")}
    return {**table.columns, **times}
