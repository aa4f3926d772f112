"""Reads rows from what people have them in: arrays, pandas, polars, pyarrow, dicts, single values."""

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
Kind = Literal["number", "category", "vector"]
Cells = Floats | list[str | None]
"""Numbers with NaN where one is missing, or texts with None; vectors are a row of numbers each."""


class Table(NamedTuple):
    """Rows as columns."""

    rows: int
    columns: dict[str, Cells]
    times_ms: Floats | None = None
    time: str | None = None
    """The column that the times were in, while it is as it was read."""
    dates: tuple[str, ...] = ()
    """Other columns of dates, which are left out."""
    wrong: Mapping[str, Bools] | None = None
    """Of columns of numbers: in which rows there was something else; columns without such are left out."""

    def cut(self, start: int, end: int | None = None) -> "Table":
        """Take rows by position."""
        columns = {name: cells[start:end] for name, cells in self.columns.items()}
        times = None if self.times_ms is None else self.times_ms[start:end]
        wrong = self.wrong and {name: flags[start:end] for name, flags in self.wrong.items()}
        return Table(len(range(*slice(start, end).indices(self.rows))), columns, times, wrong=wrong)

    def in_order(self) -> "Table":
        """Put the rows in order of time, where they have times."""
        if self.times_ms is None or not (np.diff(self.times_ms) < 0).any():
            return self
        order = np.argsort(self.times_ms, kind="stable")
        columns: dict[str, Cells] = {
            name: [cells[at] for at in order] if isinstance(cells, list) else cells[order]
            for name, cells in self.columns.items()
        }
        return self._replace(columns=columns, times_ms=self.times_ms[order])

    def then(self, other: "Table") -> "Table":
        """Put other rows of the same columns behind these."""
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
        """Say in which rows a column held what is no number."""
        flags = (self.wrong or {}).get(name)
        return np.zeros(self.rows, np.bool_) if flags is None else flags


def kind_of(cells: Cells) -> Kind:
    """Say whether a column is of numbers, of texts or of vectors."""
    if isinstance(cells, list):
        return "category"
    return "number" if cells.ndim == 1 else "vector"


def _joined(cells: Cells, others: Cells) -> Cells:
    if isinstance(cells, list) and isinstance(others, list):
        return cells + others
    return np.concatenate((np.asarray(cells, float), np.asarray(others, float)))


def read(
    data: Any,
    time: str | None = None,
    like: Mapping[str, Kind] | None = None,
    lengths: Mapping[str, int] | None = None,
) -> Table:
    """Read rows; a column of dates (or the index of a pandas table) is the time, if it is the only one.

    `like` gives the columns that must be there, and their kinds, `lengths` how long their vectors are;
    ValueError says which is not, or not such. Where all columns are wanted `time` must be there; else it may.

    >>> table = read({"amount": [1.5, None], "country": ["NL", None]})
    >>> table.columns["amount"].tolist(), table.columns["country"]
    ([1.5, nan], ['NL', None])
    """
    raw, time = columns_of(data, like or {}), None if time is None else str(time)
    # A vector of one row alone looks like a column of numbers.
    for name in (name for name, kind in (like or {}).items() if kind == "vector" and name in raw):
        raw[name] = vectors.of_rows(raw[name])
    counts = {len(column) for column in raw.values()}
    if len(counts) > 1:
        raise ValueError(f"all columns must have as many rows, these have {sorted(counts)}")
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
    """Give the names of columns that stand for themselves, in a list, or alone.

    >>> names("loss"), names([3, "loss"]), names(None)
    (('loss',), ('3', 'loss'), ())
    """
    if given is None:
        return ()
    alone = isinstance(given, str) or not isinstance(given, Iterable)
    return tuple(str(name) for name in ((given,) if alone else given))


def _none(kind: Kind) -> Cells:
    """Give a column without rows."""
    return [] if kind == "category" else np.zeros((0, 1) if kind == "vector" else 0)


def _times(
    raw: dict[str, Any], data: Any, time: str | None, watched: Collection[str]
) -> tuple[Floats | None, str | None, tuple[str, ...]]:
    """Take the columns of dates out of the table, but for those watched as something else.

    Give the times, their column, and the other ones.
    """
    if time is not None and time not in raw:
        raise ValueError(f"there is no column {time!r} for the time; there are {', '.join(raw)}")
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
    if (found := vectors.read(column)) is not None:
        return found
    try:
        return _numbers(column)
    except (TypeError, ValueError, OverflowError):
        return _lenient(column) if _are_mostly_numbers(column) else _texts(column)


def _are_mostly_numbers(column: Any) -> bool:
    """Whether a column is one of numbers, with something else in it now and then."""
    there = [value for value in column if not is_null(value)]
    return 2 * sum(isinstance(value, _NUMBERS) for value in there) > len(there)


def _as(name: str, raw: Mapping[str, Any], kind: Kind, length: int | None) -> Cells:
    if name not in raw:
        raise ValueError(f"the rows lack the column {name!r} that the reference has")
    if kind == "vector":
        found = vectors.read(raw[name], strict=False, length=length)
        return np.full((len(raw[name]), 1), np.nan) if found is None else found
    return _texts(raw[name]) if kind == "category" else _lenient(raw[name])


def _wrong(raw: Mapping[str, Any], like: Mapping[str, Kind]) -> Mapping[str, Bools] | None:
    """Find what is there and is no number, in columns of numbers."""
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
    array = np.asarray(column)
    if array.dtype.kind == "m":
        return np.where(np.isnat(array), np.nan, array / np.timedelta64(1, "s"))
    if array.dtype.kind not in "Oiufb":
        raise TypeError(f"no numbers: {array.dtype}")
    if array.dtype != object:
        return array.astype(float)
    if any(isinstance(value, str) for value in array):
        raise TypeError("texts are categories")
    return np.array([np.nan if is_null(value) else float(value) for value in array])


def _lenient(column: Any) -> Floats:
    """Read numbers; what is none becomes NaN, as a value of a wrong type is a missing one."""
    try:
        return _numbers(column)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in column], float)


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, _NUMBERS) else float("nan")
    except OverflowError:
        return float("inf")


def _texts(column: Any) -> list[str | None]:
    if isinstance(column, np.ndarray) and column.ndim == 1:
        column = column.tolist()
    return [value if type(value) is str else _text(value) for value in column]


def _text(value: Any) -> str | None:
    if is_null(value):
        return None
    # Whole numbers become 1012.0 where pandas puts a missing one among them.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
