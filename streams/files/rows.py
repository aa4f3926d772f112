"""Turns a flat row of a table into an event."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.subjects import PRODUCTION
from watchkeeper.streams.files.tables import Type

__all__ = ["RowMapping", "as_event"]

_TEXTS = {
    "predictions": ("prediction_id", "model", "model_version", "environment", "entity_id", "trace_id"),
    "labels": ("prediction_id", "model", "environment"),
    "features": ("feature_view", "entity_id", "environment"),
}
_OTHERS = {
    "predictions": ("event_time", "latency_ms"),
    "labels": ("label_time", "label", "retracted"),
    "features": ("event_time",),
}
_KNOWN = {name for names in (*_TEXTS.values(), *_OTHERS.values()) for name in names}
# The column `label` is the true label, `prediction.label` the predicted one. A table with both can be
# published as predictions and as labels.
_OUTPUTS = {
    "score": "score",
    "value": "value",
    "probabilities": "probabilities",
    "prediction.score": "score",
    "prediction.label": "label",
    "prediction.value": "value",
    "prediction.probabilities": "probabilities",
}


class RowMapping:
    """Maps the columns of a table to the fields of an event of one kind.

    Columns are named as in the event: `prediction_id`, `event_time`, `features.distance`,
    `prediction.score` or `score`, `segments.origin`. With a monitor, its features and segments
    need no prefix, and the model needs no column.

    Args:
        kind: The kind of the events.
        monitor: The monitor that declares the features and segments, if there is one.
        subject: The model or feature view of rows that name none. Default: the monitor's.

    >>> mapping = RowMapping("predictions", None, "delay")
    >>> mapping.event({"prediction_id": 7, "features.distance": 1400, "score": 0.3, "note": "x"})
    {'model': 'delay', 'features': {'distance': 1400}, 'prediction': {'score': 0.3}, 'prediction_id': '7'}
    """

    def __init__(self, kind: Kind, monitor: Monitor | None, subject: str | None = None) -> None:
        self._kind = kind
        self._monitor = monitor
        self._features = dict(monitor.features) if monitor else {}
        self._segments = [name for name in monitor.segments if name not in self._features] if monitor else []
        name = subject or (monitor.name if monitor else None)
        tag = "feature_view" if kind == "features" else "model"
        self._always = {tag: name} if name else {}
        if monitor is not None and monitor.environment != PRODUCTION:
            self._always["environment"] = monitor.environment
        self._places: dict[str, tuple[str, str] | None] = {}

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Build the event of a row. A row that is an event already only gets a subject if it has none."""
        if as_event(row) is not None:
            return {**self._always, **row} if "specversion" not in row else dict(row)
        event: dict[str, Any] = dict(self._always)
        if self._kind != "labels":
            event["features"] = {}
        if self._kind == "predictions":
            event["prediction"] = {}
        for column, value in row.items():
            place = self._place(column)
            if place is None or (value is None and place[0] != "features"):
                continue
            part, name = place
            if part == "prediction" and value != value:
                continue  # NaN: some programs write it to Parquet where there is no output
            if part:
                event.setdefault(part, {})[name] = _plain(value) if part != "segments" else str(value)
            else:
                event[name] = self._envelope(name, value)
        return event

    def types(self) -> dict[str, Type]:
        """Return the types of the columns of a CSV file."""
        types: dict[str, Type] = dict.fromkeys(_TEXTS[self._kind], "category")
        for name, feature in self._features.items():
            types |= {name: feature.type, f"features.{name}": feature.type}
        for name in self._segments:
            types |= {name: "category", f"segments.{name}": "category"}
        return types

    def unused(self, columns: Iterable[str]) -> list[str]:
        """Return the columns that have no field in the event."""
        return [column for column in columns if self._place(column) is None]

    @property
    def passed_over(self) -> list[str]:
        """Columns so far that no kind of event has a field for, or that are undeclared features."""
        unknown = [column for column, place in self._places.items() if place is None]
        undeclared = [
            column for column, place in self._places.items() if place and self._is_undeclared(*place)
        ]
        return [column for column in unknown if column not in _KNOWN] + undeclared

    def _is_undeclared(self, part: str, name: str) -> bool:
        return part == "features" and self._monitor is not None and name not in self._features

    def not_found(self, columns: Iterable[str]) -> list[str]:
        """Return the declared features that have no column."""
        found = {place[1] for column in columns if (place := self._place(column)) and place[0] == "features"}
        return [name for name in self._features if name not in found]

    def _place(self, column: str) -> tuple[str, str] | None:
        """Return the part of the event that a column belongs to ("" for none), and its name in that part."""
        if column not in self._places:
            self._places[column] = self._find(column)
        return self._places[column]

    def _find(self, column: str) -> tuple[str, str] | None:
        if column in _TEXTS[self._kind] or column in _OTHERS[self._kind]:
            # A feature with the name of a field needs the prefix `features.`.
            return "", column
        if self._kind == "labels":
            return None
        for part in ("features", "segments"):
            if column.startswith(f"{part}."):
                return part, column.removeprefix(f"{part}.")
        if column in self._features:
            return "features", column
        if self._kind == "predictions" and column in _OUTPUTS:
            return "prediction", _OUTPUTS[column]
        return ("segments", column) if column in self._segments else None

    def _envelope(self, name: str, value: Any) -> Any:
        if name in _TEXTS[self._kind] and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return _plain(value)


def as_event(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the event without its envelope if a row is an event already; None for a flat row.

    >>> as_event({"specversion": "1.0", "data": {"prediction_id": "p", "label": True}})
    {'prediction_id': 'p', 'label': True}
    """
    if "specversion" in row:
        data = row.get("data")
        return data if isinstance(data, Mapping) else {}
    return row if isinstance(row.get("features"), Mapping) else None


def _plain(value: Any) -> Any:
    """Convert a value of Arrow to a value that JSON can hold."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(
                f"the time {value} has no time zone; write it in UTC, or as milliseconds since 1970"
            )
        return value.isoformat()
    if hasattr(value, "__float__") and not isinstance(value, int | float):
        return float(value)  # a decimal
    return value
