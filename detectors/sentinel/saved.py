"""A sentinel at rest."""

from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine.bank import State
from watchkeeper.detectors.sentinel.faults import Known
from watchkeeper.detectors.sentinel.fitting import Fitted
from watchkeeper.detectors.sentinel.summary import Summary
from watchkeeper.detectors.tables.table import Cells, Kind, Table


class SavedTable(Struct, array_like=True):
    """Rows as lists."""

    rows: int
    columns: dict[str, list[float | str | None]]
    times_ms: list[float] | None
    wrong: dict[str, list[bool]] | None = None

    @classmethod
    def of(cls, table: Table) -> "SavedTable":
        """Save rows."""
        columns: dict[str, list[float | str | None]] = {
            name: [*cells] if isinstance(cells, list) else cells.tolist()
            for name, cells in table.columns.items()
        }
        times = None if table.times_ms is None else table.times_ms.tolist()
        wrong = {name: flags.tolist() for name, flags in (table.wrong or {}).items()}
        return cls(table.rows, columns, times, wrong or None)

    def table(self, kinds: dict[str, Kind]) -> Table:
        """Give the rows back."""
        columns: dict[str, Cells] = {}
        for name, cells in self.columns.items():
            texts = [None if cell is None else str(cell) for cell in cells]
            columns[name] = texts if kinds[name] == "category" else np.array(cells, float)
        times = None if self.times_ms is None else np.array(self.times_ms, float)
        wrong = {name: np.array(flags, np.bool_) for name, flags in (self.wrong or {}).items()}
        return Table(self.rows, columns, times, wrong=wrong or None)


class Saved(Struct):
    """The whole of it."""

    fitted: Fitted
    after: Literal["relearn", "hold", "restart"]
    rows_of_reference: int
    rows: int
    alarms: int
    waiting: SavedTable
    recent: SavedTable
    learned: SavedTable | None
    learn_at: int
    summaries: dict[str, Summary]
    faults: Known
    banks: list[State]
    history: list[tuple[list[list[list[float]]], list[list[float]]]]


def read(data: bytes) -> Saved:
    """Decode what was saved.

    >>> read(b"junk")
    Traceback (most recent call last):
      ...
    ValueError: this is no saved sentinel: Expected `object`, got `int`
    """
    try:
        return msgspec.msgpack.decode(data, type=Saved)
    except (msgspec.DecodeError, TypeError) as error:
        raise ValueError(f"this is no saved sentinel: {error}") from error
