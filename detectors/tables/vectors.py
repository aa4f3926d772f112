"""Columns of vectors: matrices, and lists of lists or arrays."""

from typing import Any

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.nulls import is_null


def read(column: Any, strict: bool = True, length: int | None = None) -> Floats | None:
    """Read vectors of one length. Missing vectors become NaN.

    Args:
        column: The column.
        strict: Whether the result is None if the column has any other value. If not, such values are missing.
        length: Number of dimensions; default: that of the first vector.

    Returns:
        An array of shape (rows, dimensions), or None if the column is not one of vectors.

    >>> read(np.array([[1, 2], None, [3, 4]], dtype=object)).tolist()
    [[1.0, 2.0], [nan, nan], [3.0, 4.0]]
    >>> read(np.array([1.0, 2.0])) is None, read(np.array(["NL", [1, 2]], dtype=object)) is None
    (True, True)
    """
    array = np.asarray(column)
    if array.ndim == 2 and array.shape[1] > 1:
        return _floats(array)
    if array.ndim != 1 or array.dtype != object:
        return None
    found = [_floats(each) if _is_vector(each) else None for each in array]
    length = length or next((len(each) for each in found if each is not None), 0)
    fits = [each is not None and len(each) == length for each in found]
    if not length or (
        strict and not all(fit or is_null(each) for fit, each in zip(fits, array, strict=True))
    ):
        return None
    rows = np.full((len(array), length), np.nan)
    if any(fits):
        rows[fits] = [each for each, fit in zip(found, fits, strict=True) if fit]
    return rows


def of_rows(column: Any) -> Any:
    """Return a column of vectors. Numbers alone are the vector of one row, and become a column of one row.

    Args:
        column: The column.
    """
    array = np.asarray(column)
    if (
        array.ndim != 1
        or not len(array)
        or not all(isinstance(each, float | int | np.number) for each in array)
    ):
        return column
    return array[None]


def _is_vector(value: Any) -> bool:
    """Whether a value is a vector of two dimensions or more."""
    return isinstance(value, list | tuple | np.ndarray) and len(value) > 1 and np.ndim(value[0]) == 0


def _floats(vector: Any) -> Floats | None:
    """Return numbers as an array; None if they are not numbers."""
    try:
        return np.asarray(vector, float)
    except (TypeError, ValueError):
        return None
