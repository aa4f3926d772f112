"""The events that the demo publishes: predictions, labels, weather, and a few truncated predictions."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchkeeper.demo.flights import Flights, Weather
from watchkeeper.schemas.events import FeatureEvent, Label, Output, Prediction

__all__ = ["MODEL", "VIEW", "DemoEvent", "labels", "predictions", "weather"]

MODEL = "flight-delay"
"""The name of the demo's model."""
VIEW = "weather"
"""The name of the demo's feature view."""
BROKEN_EVERY = 2000
"""One in this many predictions is published truncated and then again in full, as after a broken connection.

Chosen by hand: rare, yet often enough that a short demo rejects a few events.
"""
SCORE_DIGITS = 6
"""Decimal digits of a published score. Chosen by hand: shorter events, no visible change of any metric."""
_INTEGERS = ("hour", "distance")
_encode = msgspec.json.Encoder().encode


class DemoEvent(NamedTuple):
    """One event as it goes to Kafka; `topic` is the name without prefix."""

    topic: str
    key: bytes
    value: bytes


def predictions(flights: Flights, scores: NDArray[np.float64], version: str) -> Iterator[DemoEvent]:
    """Yield the predictions of one version for these flights.

    Args:
        flights: The flights to predict.
        scores: The probability of a delay, one for each flight.
        version: The model version that predicts.
    """
    rows = zip(flights.ids, _times(flights.time_ms), _rows(flights.features), scores.tolist(), strict=True)
    for prediction_id, time, features, score in rows:
        answer = Prediction(
            prediction_id=prediction_id,
            model=MODEL,
            model_version=version,
            event_time=time,
            features=features,
            prediction=Output(score=round(score, SCORE_DIGITS)),
        )
        event = DemoEvent("predictions", prediction_id.encode(), _encode(answer))
        if _is_broken(prediction_id):
            yield event._replace(value=event.value[: len(event.value) // 2])
        yield event


def labels(flights: Flights) -> Iterator[DemoEvent]:
    """Yield one label for each landed flight. It serves the predictions of all versions."""
    rows = zip(flights.ids, _times(flights.landed_ms), flights.late.tolist(), strict=True)
    for prediction_id, time, late in rows:
        label = Label(prediction_id=prediction_id, model=MODEL, label=bool(late), label_time=time)
        yield DemoEvent("labels", prediction_id.encode(), _encode(label))


def weather(reports: Weather, rows: slice) -> Iterator[DemoEvent]:
    """Yield the reports of the weather stations in these rows."""
    features = _rows({name: column[rows] for name, column in reports.features.items()})
    for origin, time, values in zip(reports.ids[rows], _times(reports.time_ms[rows]), features, strict=True):
        event = FeatureEvent(feature_view=VIEW, entity_id=origin, event_time=time, features=values)
        # The key has station and hour, so every partition gets events. A silent partition delays the others.
        yield DemoEvent("features", f"{origin} {time:%Y-%m-%dT%H}".encode(), _encode(event))


def _is_broken(prediction_id: str) -> bool:
    return crc32(prediction_id.encode()) % BROKEN_EVERY == 0


def _times(times_ms: NDArray[np.int64]) -> list[datetime]:
    return [datetime.fromtimestamp(ms / 1000, UTC) for ms in times_ms.tolist()]


def _rows(features: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    columns = [_column(name, values) for name, values in features.items()]
    return [dict(zip(features, row, strict=True)) for row in zip(*columns, strict=True)]


def _column(name: str, values: NDArray[Any]) -> list[Any]:
    """Convert a column to JSON values. A missing value becomes null."""
    known = [None if value != value else value for value in values.tolist()]
    return [None if value is None else int(value) for value in known] if name in _INTEGERS else known
