"""Counts predictions by window with plain loops and dictionaries, without any code under test."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.fold.protocol import Record

POSSIBLE_MS = 946_684_800_000, 4_102_444_800_000
"""The years 2000 to 2100. Events outside are rejected."""
PRODUCTION = "production"
"""The environment of an event that names none, and of all monitors of the stream."""
Window = tuple[int, str | None]
"""Start of the window, and segment."""


def recount(log: Mapping[int, Iterable[Record]], monitor: Monitor) -> Counter[Window]:
    """Count rows that are neither late nor duplicate, for tumbling windows and the first segment."""
    counts: Counter[Window] = Counter()
    for records in log.values():
        _count(records, monitor, counts)
    return counts


def _count(records: Iterable[Record], monitor: Monitor, counts: Counter[Window]) -> None:
    pane, size, lateness = (
        milliseconds(getattr(monitor.windows, name)) for name in ("pane", "size", "lateness")
    )
    seen: set[str] = set()
    latest = 0
    for record in records:
        event = _parse(record.value)
        if event is None or event.get("model") != monitor.model or "event_time" not in event:
            continue
        if event.get("environment", PRODUCTION) != PRODUCTION:
            continue
        at = round(datetime.fromisoformat(event["event_time"]).timestamp() * 1000)
        if not POSSIBLE_MS[0] <= at < POSSIBLE_MS[1]:
            continue
        is_late = at // pane * pane + pane + lateness <= latest
        latest = max(latest, at)
        if is_late or event["prediction_id"] in seen:
            continue
        seen.add(event["prediction_id"])
        start = at // size * size
        counts[start, None] += 1
        [segment] = monitor.segments
        counts[start, f"{segment}={event['features'][segment]}"] += 1


def _parse(value: bytes | None) -> dict[str, Any] | None:
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
