"""Turns the rows of a file into records for one of the topics that services publish to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from watchkeeper.schemas.events import FeatureEvent, Label, Prediction
from watchkeeper.schemas.findings import Kind
from watchkeeper.streams.files.rows import RowMapping, as_event
from watchkeeper.streams.files.tables import Line, read_lines
from watchkeeper.streams.ingest.clock import time_ms

__all__ = ["BadRow", "Disorder", "Outgoing", "PublishingPace", "outgoing"]

_STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]


class Outgoing(NamedTuple):
    """One record to send."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    time_ms: int
    subject: str | None = None
    """The model or feature view that the event names."""


class BadRow(NamedTuple):
    """A row that can't be published as an event, and why."""

    line: int
    why: str


def outgoing(path: Path, kind: Kind, mapping: RowMapping) -> Iterator[Outgoing | BadRow]:
    """Yield a record for each row of a file, in order.

    A line of NDJSON that is an event keeps its bytes; every other row becomes an event. Among labels, a row
    without a label is skipped: its label is not known yet.
    """
    for line in read_lines(path, mapping.types()):
        if kind == "labels" and line.row is not None and _has_no_label(line.row):
            continue
        try:
            yield _record(line, kind, mapping)
        except (msgspec.ValidationError, ValueError, TypeError) as error:
            yield BadRow(line.number, str(error))


def _has_no_label(row: dict[str, Any]) -> bool:
    label = as_event(row) or row
    return label.get("label") is None and not label.get("retracted")


def _record(line: Line, kind: Kind, mapping: RowMapping) -> Outgoing:
    if line.row is None:
        raise ValueError(line.error)
    event = mapping.event(line.row)
    whole = line.text and (event == line.row or "specversion" in line.row)
    inner = event.get("data", {}) if "specversion" in event else event
    key, at_ms = _CHECKS[kind](inner)
    value = line.text if whole else msgspec.json.encode(event)
    subject = inner.get("feature_view" if kind == "features" else "model")
    return Outgoing(key.encode(), value, _STRUCTURED if "specversion" in event else [], at_ms, subject)


def _check_prediction(event: dict[str, Any]) -> tuple[str, int]:
    prediction = msgspec.convert(event, Prediction)
    score = prediction.prediction.score
    if score is not None and not 0 <= score <= 1:
        raise ValueError(f"the score is {score}; it must be from 0 to 1")
    return prediction.prediction_id, time_ms(prediction.event_time)


def _check_label(event: dict[str, Any]) -> tuple[str, int]:
    label = msgspec.convert(event, Label)
    return label.prediction_id, time_ms(label.label_time)


def _check_feature(event: dict[str, Any]) -> tuple[str, int]:
    row = msgspec.convert(event, FeatureEvent)
    return row.entity_id or row.feature_view, time_ms(row.event_time)


_CHECKS = {"predictions": _check_prediction, "labels": _check_label, "features": _check_feature}


class PublishingPace:
    """Computes when each event is due, so that event time passes at a multiple of real time.

    >>> pace = PublishingPace(speed=60.0)
    >>> pace.wait_seconds(0, now_seconds=100.0), pace.wait_seconds(120_000, now_seconds=100.5)
    (0.0, 1.5)
    """

    def __init__(self, speed: float) -> None:
        self._ms_per_second = speed * 1000
        self._start: tuple[int, float] | None = None

    def wait_seconds(self, event_ms: int, now_seconds: float) -> float:
        """Return how many seconds to wait before sending an event: 0 if it is the first or overdue."""
        if self._start is None:
            self._start = event_ms, now_seconds
        first_ms, started = self._start
        due = started + (event_ms - first_ms) / self._ms_per_second
        return max(0.0, due - now_seconds)


class Disorder:
    """Counts the events that are so far behind earlier ones that a worker counts them as late.

    Args:
        allowed_ms: How far an event may be behind the latest event time so far.

    >>> disorder = Disorder(allowed_ms=1000)
    >>> for time_ms in (0, 5000, 4500, 3000, 6000):
    ...     disorder.see(time_ms)
    >>> disorder.events
    1
    """

    def __init__(self, allowed_ms: int) -> None:
        self._allowed_ms = allowed_ms
        self._latest_ms: int | None = None
        self.events = 0

    def see(self, time_ms: int) -> None:
        """Compare the time of the next event with the latest time so far."""
        self._latest_ms = time_ms if self._latest_ms is None else max(self._latest_ms, time_ms)
        self.events += self._latest_ms - time_ms > self._allowed_ms
