"""Tables of rows, read from arrays, pandas, polars, pyarrow, dicts or single values."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np

from watchkeeper.detectors.profiles.columns import Bools, Floats
from watchkeeper.detectors.tables import times, vectors
from watchkeeper.detectors.tables.forms import columns_of
from watchkeeper.detectors.tables.nulls import is_null

_NUMBERS = (Real, Decimal, np.bool_)
"""Types that are numbers."""
Kind = Literal["number", "category", "vector"]
"""Kind of a column."""
Cells = Floats | list[str | None]
"""Values of a column: numbers of shape (rows,), NaN where one is missing; texts, None where one is missing;
or vectors of shape (rows, dimensions), a row of NaN where one is missing."""


class Table(NamedTuple):
    """Rows, column by column.

    >>> table = read({"amount": [1.5, None], "country": ["NL", None]})
    >>> table.cut(0, 1).columns["country"], table.then(table).rows
    (['NL'], 4)
    """

    rows: int
    """Number of rows."""
    columns: dict[str, Cells]
    """Values by column."""
    times_ms: Floats | None = None
    """Times in milliseconds since 1970, of shape (rows,); None if there are none."""
    time: str | None = None
    """Column that the times were read from. Parts of a table do not keep it."""
    dates: tuple[str, ...] = ()
    """Other columns of dates, which are left out of `columns`. Parts of a table do not keep it."""
    wrong: Mapping[str, Bools] | None = None
    """Rows of columns of numbers in which there was another type, of shape (rows,); columns without such rows
    are left out."""

    def cut(self, start: int, end: int | None = None) -> "Table":
        """Return rows by position.

        Args:
            start: First row; negative: counted from the end.
            end: Row after the last; None: up to the end.
        """
        columns = {name: cells[start:end] for name, cells in self.columns.items()}
        times = None if self.times_ms is None else self.times_ms[start:end]
        wrong = self.wrong and {name: flags[start:end] for name, flags in self.wrong.items()}
        return Table(len(range(*slice(start, end).indices(self.rows))), columns, times, wrong=wrong)

    def in_order(self) -> "Table":
        """Return the rows in order of time, if they have times."""
        if self.times_ms is None or not (np.diff(self.times_ms) < 0).any():
            return self
        order = np.argsort(self.times_ms, kind="stable")
        columns: dict[str, Cells] = {
            name: [cells[at] for at in order] if isinstance(cells, list) else cells[order]
            for name, cells in self.columns.items()
        }
        return self._replace(columns=columns, times_ms=self.times_ms[order])

    def then(self, other: "Table") -> "Table":
        """Return these rows, followed by others with the same columns.

        Args:
            other: The rows that follow.
        """
        if not self.rows or not other.rows:
            return self if self.rows else other
        columns = {name: _joined(cells, other.columns[name]) for name, cells in self.columns.items()}
        times = None
        if self.times_ms is not None and other.times_ms is not None:
            times = np.concatenate((self.times_ms, other.times_ms))
        wrong = {
            name: np.concatenate((self.wrong_in(name), other.wrong_in(name)))
            for name in {**(self.wrong or {}), **(other.wrong or {})}
        }
        return Table(self.rows + other.rows, columns, times, wrong=wrong or None)

    def wrong_in(self, name: str) -> Bools:
        """Return in which rows a column of numbers had another type, of shape (rows,).

        Args:
            name: Name of the column.
        """
        flags = (self.wrong or {}).get(name)
        return np.zeros(self.rows, np.bool_) if flags is None else flags


def kind_of(cells: Cells) -> Kind:
    """Return whether a column has numbers, categories or vectors.

    Args:
        cells: Values of the column.
    """
    if isinstance(cells, list):
        return "category"
    return "number" if cells.ndim == 1 else "vector"


def _joined(cells: Cells, others: Cells) -> Cells:
    """Return the values of one column, followed by others."""
    if isinstance(cells, list) and isinstance(others, list):
        return cells + others
    return np.concatenate((np.asarray(cells, float), np.asarray(others, float)))


def read(
    data: Any,
    time: str | None = None,
    like: Mapping[str, Kind] | None = None,
    lengths: Mapping[str, int] | None = None,
) -> Table:
    """Read rows.

    Args:
        data: A table (pandas, polars, pyarrow, a dict of columns, a list of dicts, an array of shape (rows,
            columns)), the values of one column, a dict of one row, or a single value.
        time: Column of the times. Default: the only column of dates, or the index of a pandas table. It must
            be there unless `like` is given.
        like: Columns that must be there, and their kinds; others are ignored. Default: all columns are read.
        lengths: Number of dimensions of each column of vectors.

    Raises:
        ValueError: A column is missing or cannot be read, columns differ in length, or a time is missing.

    >>> table = read({"amount": [1.5, None], "country": ["NL", None]})
    >>> table.columns["amount"].tolist(), table.columns["country"]
    ([1.5, nan], ['NL', None])
    """
    raw, time = columns_of(data, like or {}), None if time is None else str(time)
    # The vector of a single row looks like a column of numbers.
    for name in (name for name, kind in (like or {}).items() if kind == "vector" and name in raw):
        raw[name] = vectors.of_rows(raw[name])
    counts = {len(column) for column in raw.values()}
    if len(counts) > 1:
        raise ValueError(f"all columns must have the same number of rows, got {sorted(counts)}")
    rows = counts.pop() if counts else 0
    if like is not None and not rows:
        return Table(0, {name: _none(kind) for name, kind in like.items()})
    times_ms, of, dates = _times(raw, data, time if like is None or time in raw else None, like or ())
    if like is None:
        if times_ms is not None:
            times.refuse_missing(of, times_ms)
        columns = {name: _cells(column) for name, column in raw.items()}
    else:
        columns = {name: _as(name, raw, kind, (lengths or {}).get(name)) for name, kind in like.items()}
    return Table(rows, columns, times_ms, of, dates, _wrong(raw, like or {}))


def names(given: Any) -> tuple[str, ...]:
    """Return the names of columns that are given in a list or alone.

    Args:
        given: One name, several names, or None.

    >>> names("loss"), names([3, "loss"]), names(None)
    (('loss',), ('3', 'loss'), ())
    """
    if given is None:
        return ()
    alone = isinstance(given, str) or not isinstance(given, Iterable)
    return tuple(str(name) for name in ((given,) if alone else given))


def _none(kind: Kind) -> Cells:
    """Return a column without rows."""
    return [] if kind == "category" else np.zeros((0, 1) if kind == "vector" else 0)


def _times(
    raw: dict[str, Any], data: Any, time: str | None, watched: Collection[str]
) -> tuple[Floats | None, str | None, tuple[str, ...]]:
    """Take the columns of dates out of the table, unless they are watched as another kind.

    Return the times, their column, and the other columns of dates.
    """
    if time is not None and time not in raw:
        raise ValueError(f"there is no column {time!r} for the time; the columns are {', '.join(raw)}")
    found = {
        name: dates
        for name, column in raw.items()
        if name not in watched and (dates := times.dates(column)) is not None
    }
    if time is None and len(found) == 1:
        [time] = found
    others = tuple(name for name in found if name != time)
    columns = {name: raw.pop(name) for name in {*found, *([time] if time is not None else [])}}
    if time is not None:
        return times.milliseconds(time, columns[time]), time, others
    index = times.dates(getattr(getattr(data, "index", None), "to_numpy", lambda: ())())
    return (None if index is None else times.milliseconds("the index", index)), None, others


def _cells(column: Any) -> Cells:
    """Read a column of any kind."""
    if (found := vectors.read(column)) is not None:
        return found
    try:
        return _numbers(column)
    except (TypeError, ValueError, OverflowError):
        return _lenient(column) if _are_mostly_numbers(column) else _texts(column)


def _are_mostly_numbers(column: Any) -> bool:
    """Whether more than half of the values that are not missing are numbers."""
    there = [value for value in column if not is_null(value)]
    return 2 * sum(isinstance(value, _NUMBERS) for value in there) > len(there)


def _as(name: str, raw: Mapping[str, Any], kind: Kind, length: int | None) -> Cells:
    """Read a column of a known kind."""
    if name not in raw:
        raise ValueError(f"the rows lack the column {name!r} that the reference has")
    if kind == "vector":
        found = vectors.read(raw[name], strict=False, length=length)
        return np.full((len(raw[name]), 1), np.nan) if found is None else found
    return _texts(raw[name]) if kind == "category" else _lenient(raw[name])


def _wrong(raw: Mapping[str, Any], like: Mapping[str, Kind]) -> Mapping[str, Bools] | None:
    """Find values of another type in columns of numbers."""
    found: dict[str, Bools] = {}
    for name, kind in like.items():
        cells = np.asarray(raw[name])
        if kind == "number" and cells.dtype.kind not in "iufbm":
            there = np.array([not is_null(value) for value in cells], np.bool_)
            flags = there & np.array([not isinstance(value, _NUMBERS) for value in cells], np.bool_)
            if flags.any():
                found[name] = flags
    return found or None


def _numbers(column: Any) -> Floats:
    """Read numbers; TypeError or ValueError for anything else."""
    array = np.asarray(column)
    if array.dtype.kind == "m":
        return np.where(np.isnat(array), np.nan, array / np.timedelta64(1, "s"))
    if array.dtype.kind not in "Oiufb":
        raise TypeError(f"not numbers: {array.dtype}")
    if array.dtype != object:
        return array.astype(float)
    if any(isinstance(value, str) for value in array):
        raise TypeError("texts are categories")
    return np.array([np.nan if is_null(value) else float(value) for value in array])


def _lenient(column: Any) -> Floats:
    """Read numbers; a value of another type becomes NaN."""
    try:
        return _numbers(column)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in column], float)


def _number(value: Any) -> float:
    """Return a number; NaN for another type, infinity for one that is too large."""
    try:
        return float(value) if isinstance(value, _NUMBERS) else float("nan")
    except OverflowError:
        return float("inf")


def _texts(column: Any) -> list[str | None]:
    """Read categories."""
    if isinstance(column, np.ndarray) and column.ndim == 1:
        column = column.tolist()
    return [value if type(value) is str else _text(value) for value in column]


def _text(value: Any) -> str | None:
    """Return a category; None for a missing value."""
    if is_null(value):
        return None
    # pandas turns the whole number 1012 into 1012.0 if another value of the column is missing.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
