"""Times of rows: dates of any library, ISO 8601 texts, or milliseconds since 1970."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.nulls import is_null

Dates = NDArray[np.datetime64]
"""Dates of shape (rows,); NaT where one is missing."""
_SECONDS = 5e8, 5e9
"""Range of numbers that are refused as seconds: as seconds they are from 1985 to 2128, as milliseconds early
in 1970, when no row was logged."""


def dates(column: Any) -> Dates | None:
    """Return a column of dates, converted to UTC if they have a zone; None if the column has other values.

    Args:
        column: The column.

    >>> dates([datetime(2026, 1, 1, 12, tzinfo=UTC), None]).tolist()
    [datetime.datetime(2026, 1, 1, 12, 0), None]
    >>> dates(np.array([1, 2])) is None, dates(["2026-01-01"]) is None
    (True, True)
    """
    array = np.asarray(column)
    if array.dtype.kind == "M":
        return array
    if array.dtype != object or array.ndim != 1:
        return None
    first = next((value for value in array if not is_null(value)), None)
    if not isinstance(first, date | np.datetime64):
        return None
    try:
        return np.array([_date(value) for value in array], "datetime64[ms]")
    except (TypeError, ValueError):
        return None


def milliseconds(name: str, column: Any) -> Floats:
    """Return the times of rows in milliseconds since 1970, of shape (rows,); NaN where one is missing.

    Args:
        name: Name of the column, for errors.
        column: Dates, ISO 8601 texts, or milliseconds since 1970.

    Raises:
        ValueError: A value is not a time.

    >>> milliseconds("at", ["1970-01-01T01:00:00+01:00", "1970-01-01 00:00:01"]).tolist()
    [0.0, 1000.0]
    """
    found = dates(column)
    if found is None:
        times = _of_numbers(name, column)
        times = _of_texts(name, column) if times is None else times
    else:
        times = found.astype("datetime64[ms]").astype(np.int64).astype(float)
        times[np.isnat(found)] = np.nan
    return times


def refuse_missing(name: str | None, times: Floats) -> None:
    """Raise an error if a time is missing.

    Args:
        name: Name of the column; None for the index of a pandas table.
        times: Times of shape (rows,).

    Raises:
        ValueError: A time is missing.

    >>> refuse_missing("at", np.array([0.0, np.nan]))
    Traceback (most recent call last):
    ...
    ValueError: at: the time of row 1 is missing; remove such rows
    """
    missing = np.flatnonzero(~np.isfinite(times))
    if len(missing):
        where = name or "the index"
        raise ValueError(f"{where}: the time of row {missing[0]} is missing; remove such rows")


def _date(value: Any) -> np.datetime64:
    """Return a date in UTC, to the millisecond."""
    if is_null(value):
        return np.datetime64("NaT")
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(value, "ms")


def _of_numbers(name: str, column: Any) -> Floats | None:
    """Read milliseconds; None if the column has other values."""
    array = np.asarray(column)
    if array.dtype == object:
        array = np.array([np.nan if is_null(value) else value for value in array])
    if array.dtype.kind not in "iuf":
        return None
    times: Floats = array.astype(float)
    if len(times) and _SECONDS[0] < times.min() and times.max() < _SECONDS[1]:
        raise ValueError(f"{name}: the times are seconds; give milliseconds since 1970, or dates")
    return times


def _of_texts(name: str, column: Any) -> Floats:
    """Read ISO 8601 texts."""
    times = []
    for value in column:
        try:
            at = _date(None if is_null(value) else datetime.fromisoformat(value))
        except (TypeError, ValueError):
            raise ValueError(
                f"{name}: {value!r} is not a time; give dates, ISO 8601 texts or milliseconds since 1970"
            ) from None
        times.append(np.nan if np.isnat(at) else float(at.astype(np.int64)))
    return np.array(times, float)
