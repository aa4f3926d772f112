"""Forms of rows: arrays, pandas, polars, pyarrow, dicts and single values, taken apart into columns."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

import numpy as np

VALUE = "value"
"""Name of the only column of a sequence without a name."""
_PLAIN = (str, bytes, Decimal, type(None))
"""Types of single values that numpy keeps as objects."""


def columns_of(data: Any, like: Collection[str]) -> dict[str, Any]:
    """Return the columns by name, with their values unchanged.

    Args:
        data: Rows in any form.
        like: Names of the columns that the rows should have; empty if unknown.

    Raises:
        ValueError: Rows differ in length, columns have the same name, or there are more than two dimensions.

    >>> columns_of([{"a": 1}, {"b": 2}], ())["b"].tolist(), columns_of({"a": 1.5}, ("a", "b"))["b"].tolist()
    ([None, 2], [None])
    >>> sorted(columns_of(np.array([1.0, 2.0]), ("column_0", "column_1")))
    ['column_0', 'column_1']
    """
    if hasattr(data, "collect"):  # a lazy frame of polars
        data = data.collect()
    if isinstance(data, Iterator):
        data = list(data)
    if isinstance(data, Mapping):
        if not data or not all(map(_is_single, data.values())):
            return {str(name): _sequence(name, column) for name, column in data.items()}
        data = [data]  # one row, not columns
    _refuse_doubles(data)
    if hasattr(data, "column_names"):
        return {str(name): np.array(data[name].to_pylist(), object) for name in data.column_names}
    if hasattr(data, "columns"):
        return {str(name): data[name].to_numpy() for name in data.columns}
    if isinstance(data, Sequence) and data and isinstance(data[0], Mapping):
        return _of_dicts(data, like)
    return _of_array(data, like)


def _of_dicts(data: Sequence[Mapping[Any, Any]], like: Collection[str]) -> dict[str, Any]:
    """Return the columns of a list of dicts."""
    names = dict.fromkeys(name for row in data for name in row)
    if names.keys() & set(like):  # a missing key is a missing value
        names |= dict.fromkeys(like)
    return {str(name): np.array([row.get(name) for row in data], object) for name in names}


def _of_array(data: Any, like: Collection[str]) -> dict[str, Any]:
    """Return the columns of an array, a sequence or a single value."""
    try:
        array = np.asarray(data.to_numpy() if hasattr(data, "to_numpy") else data)
    except ValueError:
        raise ValueError("all rows must have the same number of values") from None
    if array.ndim > 2:
        raise ValueError(f"rows must have one or two dimensions, got {array.ndim}")
    if array.ndim == 0 and array.dtype == object and not isinstance(data, _PLAIN):
        raise ValueError(f"cannot read a {type(data).__name__}; give an array, a table, or rows")
    if array.ndim == 1 and len(array) == len(like) > 1 and set(like) == set(_numbered(len(like))):
        array = array[None]  # one row of an array
    if array.ndim == 2:
        return dict(zip(_numbered(array.shape[1]), array.T, strict=True))
    name = getattr(data, "name", None)
    only = next(iter(like)) if len(like) == 1 else VALUE if name is None or name == "" else str(name)
    return {only: np.atleast_1d(array)}


def _is_single(value: Any) -> bool:
    """Whether a value is one cell, not a column."""
    return isinstance(value, str | bytes) or not hasattr(value, "__len__")


def _numbered(columns: int) -> list[str]:
    """Return names for the columns of an array, in order."""
    return [f"column_{index}" for index in range(columns)]


def _refuse_doubles(data: Any) -> None:
    """Raise an error if two columns have the same name."""
    # The `columns` of pandas and polars are names; those of pyarrow are values.
    names = Counter(getattr(data, "column_names", None) or list(getattr(data, "columns", ())))
    doubles = sorted(str(name) for name, count in names.items() if count > 1)
    if doubles:
        raise ValueError(f"several columns are named {', '.join(doubles)}; give each column its own name")


def _sequence(name: Any, column: Any) -> Any:
    """Return a column as an array."""
    if isinstance(column, str | bytes | Mapping | Set) or not hasattr(column, "__len__"):
        return np.array([column], object)
    if hasattr(column, "to_numpy"):
        return column.to_numpy()
    array = column if isinstance(column, np.ndarray) else np.array(column, object)
    if array.ndim > 2:
        raise ValueError(f"the column {name!r} has {array.ndim} dimensions; give one, or two for vectors")
    return array.reshape(1) if array.ndim == 0 else array
