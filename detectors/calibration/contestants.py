"""What is compared: the engine, online detectors on each column, and two dummies."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Protocol

import numpy as np

from watchkeeper.detectors.online.registry import DETECTORS
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.sentinel.sentinel import After, Sentinel
from watchkeeper.detectors.tables.table import Cells, Table

_TIME = "time of the row"
ON_DEMAND = frozenset(("kswin", "risk"))
"""One takes 150 us a value, a hundred times what others take; the other is for losses, not for any column."""
_CHUNK = 256
ENGINE, ALWAYS, NEVER = "Sentinel", "always fires", "never fires"
NAMES = (ENGINE, *DETECTORS, ALWAYS, NEVER)


class Contestant(Protocol):
    """Says after which rows it alarms; each call begins at the end of the reference."""

    def healthy(self, rows: Table) -> int:
        """Count the alarms on rows without a fault."""

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give the first row from `start` on after which it alarms; the fault is in this column."""


class Engine:
    """One `Sentinel` over all columns."""

    def __init__(self, reference: Table, at_most: float, per: Any) -> None:
        def fitted(after: After) -> Sentinel:
            return Sentinel.fit(as_rows(reference), at_most=at_most, per=per, time=time, after=after)

        time = _TIME if reference.times_ms is not None else None
        self._relearns, self._restarts = fitted("relearn"), fitted("restart")
        self.budget_rows = self._relearns.budget_rows
        """Rows to a false alarm, at least."""
        self.ignored = self._relearns.ignored
        """Columns that are not watched, and why."""

    def healthy(self, rows: Table) -> int:
        """Count alarms as in use, where an alarm is followed by learning anew."""
        return len(deepcopy(self._relearns).update(as_rows(rows)))

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give the first alarm from a row on; after one before it the search begins anew."""
        sentinel = deepcopy(self._restarts)
        for at in range(0, rows.rows, _CHUNK):
            for alarm in sentinel.update(as_rows(rows.cut(at, at + _CHUNK))):
                if alarm.row >= start:
                    return alarm.row
        return None


class Online:
    """An online detector on each column, with its default settings: fed ranks among the reference."""

    def __init__(self, name: str, reference: Table) -> None:
        self._restore = DETECTORS[name].restore
        self._ranks = {column: Ranks(cells) for column, cells in reference.columns.items()}
        self._learned = {column: self._learn(name, reference, column) for column in self._ranks}

    def _learn(self, name: str, reference: Table, column: str) -> bytes:
        values = self._ranks[column].of(reference.columns[column])
        detector = DETECTORS[name].make(float(values.mean()), 0.0)
        if name != "e_sr":  # it is told the mean; the others learn it
            for value in values.tolist():
                detector.update(value)
        return detector.snapshot()

    def healthy(self, rows: Table) -> int:
        """Count the alarms on all columns."""
        return sum(1 for column in self._ranks for _ in self._alarms(rows, column))

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give the first alarm from a row on, on one column."""
        return next((row for row in self._alarms(rows, column) if row >= start), None)

    def _alarms(self, rows: Table, column: str) -> Iterator[int]:
        update = self._restore(self._learned[column]).update
        values = self._ranks[column].of(rows.columns[column]).tolist()
        return (row for row, value in enumerate(values) if update(value))


class Always:
    """Finds every fault at once, and nothing else."""

    def healthy(self, rows: Table) -> int:
        """Count all rows."""
        return rows.rows

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give the first row there is."""
        return start


class Never:
    """Is never wrong when it speaks."""

    def healthy(self, rows: Table) -> int:
        """Count none."""
        return 0

    def first(self, rows: Table, column: str, start: int) -> int | None:
        """Give none."""
        return None


class Ranks:
    """Cells as numbers in [0, 1]: ranks in the reference, common categories first; missing and unseen are 1.

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
        """Give the rank of each cell."""
        if isinstance(cells, list):
            return np.array([self._places.get(cell, 1.0) for cell in cells], float)
        if self._sorted is None or not len(self._sorted):
            return np.ones(len(cells))
        low, high = (np.searchsorted(self._sorted, cells, side) for side in ("left", "right"))
        ranks: Floats = np.where(np.isfinite(cells), (low + high) / 2 / len(self._sorted), 1.0)
        return ranks


def as_rows(table: Table) -> dict[str, Any]:
    """Give a table as what `Sentinel` takes, the times among its columns."""
    times = {} if table.times_ms is None else {_TIME: table.times_ms.astype("datetime64[ms]")}
    return {**table.columns, **times}
