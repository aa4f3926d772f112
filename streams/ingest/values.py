"""Decides whether a value of an event has the type that its monitor declares."""

import math
from typing import Any

from watchkeeper.schemas.monitors import Feature


def fits(value: Any, feature: Feature) -> bool:
    """Return whether a value is of the type of a feature."""
    if feature.type in ("number", "integer"):
        return is_number(value)
    return isinstance(value, bool if feature.type == "boolean" else str)


def is_number(value: Any) -> bool:
    """Return whether a value is a number that a profile can count."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**1023
