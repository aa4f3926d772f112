"""When a change of a monitor or reference takes effect, and what it leaves of what was in force before."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import lcm
from typing import NamedTuple, TypeVar

import msgspec

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.revisions import MonitorRevision, ReferenceRevision
from watchkeeper.schemas.times import LATEST_MS
from watchkeeper.streams.config.state import pane_ms
from watchkeeper.streams.errors import UserError

__all__ = ["MARGIN_MS", "Start", "amended", "newest", "says", "soonest", "stated"]

MARGIN_MS = 10_000
"""So long before a change takes effect every worker has it: they hear of it within a second."""
ALL_WINDOWS_WAIT_MS = 24 * 3_600_000
WINDOWS_WAIT_MS = 7 * 24 * 3_600_000
MONITORS_MAX = 10
REFERENCES_MAX = 3
"""Revisions that are kept; what is older than all of them is treated as by the oldest."""

R = TypeVar("R", MonitorRevision, ReferenceRevision)


class Start(NamedTuple):
    """When a change takes effect, in event time."""

    at_ms: int
    cuts: tuple[str, ...] = ()
    """The windows, as keys of the monitor, that are cut in two there."""


def soonest(before: Monitor, after: Monitor, now_ms: int) -> Start:
    """Return the next end of windows both of the monitor before and of that after.

    If labels have longer windows, or windows of no common end, so that this were over a day off, they are cut
    in two; and so are all windows, between two panes, if it were over a week off.
    """
    panes, rows, labels = (list(part) for part in zip(_steps(before), _steps(after), strict=True))
    least_ms = now_ms + MARGIN_MS
    for steps, wait_ms in (
        ((*panes, *rows, *labels), ALL_WINDOWS_WAIT_MS),
        ((*panes, *rows), WINDOWS_WAIT_MS),
    ):
        at_ms = _up(least_ms, lcm(*steps))
        if at_ms - least_ms <= wait_ms:
            return stated(before, after, at_ms)
    return stated(before, after, least_ms)


def stated(before: Monitor, after: Monitor, at_ms: int) -> Start:
    """Return the first time, not before the one that the owner states, at which panes of both end."""
    panes, rows, labels = (list(part) for part in zip(_steps(before), _steps(after), strict=True))
    at_ms = _up(at_ms, lcm(*panes))
    if at_ms > LATEST_MS:
        raise UserError(f"{after.subject}: no pane of before and of now ends together before the year 10000")
    named = {"windows": rows, "labels.window": labels}
    return Start(at_ms, tuple(name for name, steps in named.items() if any(at_ms % step for step in steps)))


def amended(revisions: Sequence[R], new: R, now_ms: int) -> list[R]:
    """Return what a record is to hold: a change that is still to come is given up for the new one.

    So is what would take effect at the same time or later. If that leaves what is wanted, it is all there is.
    """
    at_ms = new.takes_effect_at_ms
    if at_ms is None:
        return [new]
    kept: list[R] = [each for each in revisions if _began(each) < min(at_ms, now_ms + MARGIN_MS)]
    if kept and _content(kept[-1]) == _content(new):
        return kept
    kept.append(new)
    return newest(kept, _most(new))


def newest(revisions: Sequence[R], most: int) -> list[R]:
    """Return the newest revisions; where some are left out, the oldest left stands for them."""
    kept: list[R] = list(revisions[-most:])
    if len(kept) < len(revisions):
        kept[0] = _from_the_beginning(kept[0])
    return kept


def _from_the_beginning(revision: R) -> R:
    if isinstance(revision, MonitorRevision):
        return revision.model_copy(update={"takes_effect_at_ms": None})
    return msgspec.structs.replace(revision, takes_effect_at_ms=None)


def says(at_ms: int) -> str:
    """Write a time of event time as a person does.

    >>> says(1_795_435_200_000), says(1_795_435_205_500)
    ('2026-11-23T12:00Z', '2026-11-23T12:00:05.500Z')
    """
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    precision = "milliseconds" if at_ms % 1000 else "seconds" if at_ms % 60_000 else "minutes"
    return at.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _began(revision: MonitorRevision | ReferenceRevision) -> int:
    return -1 if revision.takes_effect_at_ms is None else revision.takes_effect_at_ms


def _content(revision: MonitorRevision | ReferenceRevision) -> Monitor | Reference:
    return revision.monitor if isinstance(revision, MonitorRevision) else revision.reference


def _most(revision: MonitorRevision | ReferenceRevision) -> int:
    return MONITORS_MAX if isinstance(revision, MonitorRevision) else REFERENCES_MAX


def _steps(monitor: Monitor) -> Iterator[int]:
    """Give the lengths of panes, and how often windows of rows and of labels end."""
    windows, labels = monitor.windows, monitor.labels
    size = (labels.window if labels else None) or windows.size
    yield pane_ms(monitor)
    yield milliseconds(windows.every or windows.size)
    yield milliseconds(min(windows.every or size, size))


def _up(time_ms: int, step_ms: int) -> int:
    return -(-time_ms // step_ms) * step_ms
