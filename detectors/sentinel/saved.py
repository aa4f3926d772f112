"""The saved form of a sentinel. The names of fields are in saved bytes: a change of them breaks loading."""

from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine.bank import State
from watchkeeper.detectors.sentinel.faults import FaultReference
from watchkeeper.detectors.sentinel.fitting import Fitted
from watchkeeper.detectors.sentinel.search import SavedHistory
from watchkeeper.detectors.sentinel.summary import Summary
from watchkeeper.detectors.tables.table import Cells, Kind, Table


class SavedTable(Struct, array_like=True):
    """Rows as lists."""

    rows: int
    """Number of rows."""
    columns: dict[str, list[float | str | None]]
    """Values by column."""
    times_ms: list[float] | None
    """Times of the rows in milliseconds since 1970."""
    wrong: dict[str, list[bool]] | None = None
    """Rows with a value of a wrong type, by column."""

    @classmethod
    def of(cls, table: Table) -> "SavedTable":
        """Save rows.

        Args:
            table: The rows.
        """
        columns: dict[str, list[float | str | None]] = {
            name: [*cells] if isinstance(cells, list) else cells.tolist()
            for name, cells in table.columns.items()
        }
        times = None if table.times_ms is None else table.times_ms.tolist()
        wrong = {name: flags.tolist() for name, flags in (table.wrong or {}).items()}
        return cls(table.rows, columns, times, wrong or None)

    def table(self, kinds: dict[str, Kind]) -> Table:
        """Return the rows.

        Args:
            kinds: Kind of each column.
        """
        columns: dict[str, Cells] = {}
        for name, cells in self.columns.items():
            texts = [None if cell is None else str(cell) for cell in cells]
            columns[name] = texts if kinds[name] == "category" else np.array(cells, float)
        times = None if self.times_ms is None else np.array(self.times_ms, float)
        wrong = {name: np.array(flags, np.bool_) for name, flags in (self.wrong or {}).items()}
        return Table(self.rows, columns, times, wrong=wrong or None)


class SavedSentinel(Struct):
    """Everything that a sentinel needs to continue."""

    fitted: Fitted
    """The channels and the budget."""
    after: Literal["relearn", "hold", "restart"]
    """What it does after an alarm."""
    rows_of_reference: int
    """Number of rows of the first reference."""
    rows: int
    """Number of rows taken in."""
    alarms: int
    """Number of alarms raised."""
    waiting: SavedTable
    """Rows that do not fill a block yet."""
    recent: SavedTable
    """The last rows."""
    learned: SavedTable | None
    """Rows of the next reference; None while none is learned."""
    learn_at: int
    """Number of learned rows at which the next reference is used."""
    summaries: dict[str, Summary]
    """Summary of each column of the reference."""
    faults: FaultReference
    """What the fault checks know of the reference."""
    banks: list[State]
    """State of each bank; empty while a first new reference is learned."""
    history: SavedHistory
    """The last blocks of each group."""


def read(data: bytes) -> SavedSentinel:
    """Decode a saved sentinel.

    Args:
        data: The saved bytes.

    Raises:
        ValueError: The bytes are not a saved sentinel.

    >>> read(b"junk")
    Traceback (most recent call last):
      ...
    ValueError: not a saved sentinel: Expected `object`, got `int`
    """
    try:
        return msgspec.msgpack.decode(data, type=SavedSentinel)
    except (msgspec.DecodeError, TypeError) as error:
        raise ValueError(f"not a saved sentinel: {error}") from error
