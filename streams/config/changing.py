"""When a change of a monitor or reference takes effect, and which earlier revisions are kept."""

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

__all__ = ["MARGIN_MS", "Start", "format_time", "newest", "next_start", "start_at_or_after", "with_revision"]

MARGIN_MS = 10_000
"""Shortest time in ms from publishing a change to its effect. Chosen by hand: workers read it within 1 s."""
ALL_WINDOWS_WAIT_MS = 24 * 3_600_000
"""Longest wait in ms for a common end of all windows. Chosen by hand; a longer wait delays changes."""
WINDOWS_WAIT_MS = 7 * 24 * 3_600_000
"""Longest wait in ms for a common end of the windows of rows alone. Chosen by hand, as above."""
MONITORS_MAX = 10
"""Number of monitor revisions that are kept. Chosen by hand; the oldest one also covers earlier times."""
REFERENCES_MAX = 3
"""Number of revisions of a reference that are kept. Chosen by hand; a reference is larger than a monitor."""

R = TypeVar("R", MonitorRevision, ReferenceRevision)


class Start(NamedTuple):
    """When a change takes effect, in event time."""

    at_ms: int
    cuts: tuple[str, ...] = ()
    """The windows that the change cuts in two, as keys of the monitor: `windows` or `labels.window`."""


def next_start(before: Monitor, after: Monitor, now_ms: int) -> Start:
    """Return the next time at which windows of both monitors end.

    If that is more than a day away, the change cuts the windows of labels in two. If the windows of rows have
    no common end within a week either, it cuts all windows, between two panes.

    Args:
        before: The monitor in force.
        after: The monitor that replaces it.
        now_ms: The current time in milliseconds since 1970.
    """
    panes, rows, labels = (list(part) for part in zip(_steps(before), _steps(after), strict=True))
    least_ms = now_ms + MARGIN_MS
    for steps, wait_ms in (
        ((*panes, *rows, *labels), ALL_WINDOWS_WAIT_MS),
        ((*panes, *rows), WINDOWS_WAIT_MS),
    ):
        at_ms = _up(least_ms, lcm(*steps))
        if at_ms - least_ms <= wait_ms:
            return start_at_or_after(before, after, at_ms)
    return start_at_or_after(before, after, least_ms)


def start_at_or_after(before: Monitor, after: Monitor, at_ms: int) -> Start:
    """Return the first time, at or after the time that the owner states, at which panes of both monitors end.

    Args:
        before: The monitor in force.
        after: The monitor that replaces it.
        at_ms: The stated time in milliseconds since 1970.

    Raises:
        UserError: if there is no such time before the year 10000.
    """
    panes, rows, labels = (list(part) for part in zip(_steps(before), _steps(after), strict=True))
    at_ms = _up(at_ms, lcm(*panes))
    if at_ms > LATEST_MS:
        raise UserError(
            f"{after.subject}: panes of the old and new length do not end together before the year 10000; "
            "choose a windows.pane that divides the old one"
        )
    named = {"windows": rows, "labels.window": labels}
    return Start(at_ms, tuple(name for name, steps in named.items() if any(at_ms % step for step in steps)))


def with_revision(revisions: Sequence[R], new: R, now_ms: int) -> list[R]:
    """Return the revisions that a record should hold once a new one is added.

    The new revision replaces every change that is still pending or takes effect at its time or later.
    If the remaining revisions already end with the wanted content, nothing is added.

    Args:
        revisions: The revisions of the record so far, the oldest first.
        new: The revision to add. Without a time of effect it replaces all others.
        now_ms: The current time in milliseconds since 1970.
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
    """Return at most `most` revisions, the newest. If some are dropped, the oldest kept covers their time."""
    kept: list[R] = list(revisions[-most:])
    if len(kept) < len(revisions):
        kept[0] = _from_the_beginning(kept[0])
    return kept


def _from_the_beginning(revision: R) -> R:
    if isinstance(revision, MonitorRevision):
        return revision.model_copy(update={"takes_effect_at_ms": None})
    return msgspec.structs.replace(revision, takes_effect_at_ms=None)


def format_time(at_ms: int) -> str:
    """Format a time for people: ISO 8601 in UTC, without needless digits.

    >>> format_time(1_795_435_200_000), format_time(1_795_435_205_500)
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
    """Yield in ms the length of panes, and the steps at which windows of rows and of labels end."""
    windows, labels = monitor.windows, monitor.labels
    size = (labels.window if labels else None) or windows.size
    yield pane_ms(monitor)
    yield milliseconds(windows.every or windows.size)
    yield milliseconds(min(windows.every or size, size))


def _up(time_ms: int, step_ms: int) -> int:
    return -(-time_ms // step_ms) * step_ms
