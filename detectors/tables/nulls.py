"""Missing values of any library."""

from typing import Any

import numpy as np


def is_null(value: Any) -> bool:
    """Whether a value is missing: None, NaN, or the NA and NaT of pandas.

    Args:
        value: The value.

    >>> is_null(None), is_null(float("nan")), is_null(np.datetime64("NaT")), is_null(0), is_null("")
    (True, True, True, False, False)
    """
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    unlike_itself = value != value
    return isinstance(unlike_itself, (bool, np.bool_)) and bool(unlike_itself)
