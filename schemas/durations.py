"""Durations as whole milliseconds, the unit of all times in this system."""

from datetime import timedelta

_ONE_MS = timedelta(milliseconds=1)


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds, rounded down.

    >>> milliseconds(timedelta(minutes=5)), milliseconds(timedelta(microseconds=2500))
    (300000, 2)
    """
    return duration // _ONE_MS
