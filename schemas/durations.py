"""Durations as whole milliseconds, the unit of all times in this system."""

from datetime import timedelta

_ONE_MS = timedelta(milliseconds=1)


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds, rounded down.

    >>> milliseconds(timedelta(minutes=5)), milliseconds(timedelta(microseconds=2500))
    (300000, 2)
    """
    return duration // _ONE_MS


def in_words(duration: timedelta) -> str:
    """Return a duration in the largest unit of which it is a whole number.

    >>> in_words(timedelta(hours=36)), in_words(timedelta(days=2)), in_words(timedelta(minutes=1))
    ('36 hours', '2 days', '1 minute')
    """
    for unit, size in (
        ("day", timedelta(days=1)),
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
    ):
        if duration >= size and duration % size == timedelta(0):
            return f"{duration // size} {unit}{'s' if duration > size else ''}"
    return f"{duration.total_seconds():g} seconds"
