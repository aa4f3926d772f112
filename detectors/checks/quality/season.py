"""What is expected at each hour of the day and of the week, in UTC."""

from msgspec import Struct

HOUR_MS, DAY_MS, WEEK_MS = 3_600_000, 86_400_000, 7 * 86_400_000
"""An hour, a day and a week in milliseconds."""
_SEASON_GAIN = 0.5
"""The weight of the newest day (or week) in what is expected at an hour. Chosen by hand: a larger
weight follows growth sooner and carries more noise."""


class Slot(Struct, array_like=True):
    """What is expected at one hour of the day or of the week."""

    thousandths: int
    """The mean logarithm of the rows and a half, times 1000."""
    first: int
    """The first day (or week) in which it was seen, counted from 1970."""
    last: int
    """The last day (or week) in which it was seen."""


def slot_of(start_ms: int, size_ms: int, period_ms: int) -> int | None:
    """Return the place of a window in the day or week; None where windows do not divide it.

    Args:
        start_ms: The start of the window.
        size_ms: Its length.
        period_ms: The length of a day or a week.

    >>> slot_of(DAY_MS + 90 * 60_000, 60_000, DAY_MS), slot_of(WEEK_MS - 1, DAY_MS, WEEK_MS)
    (1, 6)
    """
    slot_ms = max(size_ms, HOUR_MS)
    return None if period_ms % slot_ms or slot_ms == period_ms else start_ms % period_ms // slot_ms


def seen(slots: dict[int, Slot], start_ms: int, size_ms: int, period_ms: int) -> float | None:
    """Return what is expected at this hour, if it was seen on an earlier day (or in an earlier week).

    Args:
        slots: What is known, by place.
        start_ms: The start of the window.
        size_ms: Its length.
        period_ms: The length of a day or a week.
    """
    place = slot_of(start_ms, size_ms, period_ms)
    slot = slots.get(place) if place is not None else None
    return slot.thousandths / 1000 if slot is not None and slot.first < start_ms // period_ms else None


def update(slots: dict[int, Slot], start_ms: int, size_ms: int, period_ms: int, log_rows: float) -> None:
    """Learn the rows of a window at its hour.

    Args:
        slots: What is known, by place, which is updated.
        start_ms: The start of the window.
        size_ms: Its length.
        period_ms: The length of a day or a week.
        log_rows: The logarithm of its rows and a half.
    """
    place = slot_of(start_ms, size_ms, period_ms)
    if place is None:
        return
    now = start_ms // period_ms
    slot = slots.setdefault(place, Slot(round(1000 * log_rows), now, now))
    slot.last = now
    gain = 1 - (1 - _SEASON_GAIN) ** min(1.0, size_ms / HOUR_MS)
    slot.thousandths += round(gain * (1000 * log_rows - slot.thousandths))
