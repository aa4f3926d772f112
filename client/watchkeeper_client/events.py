"""The bytes of one event: a CloudEvent in Kafka's binary mode, the data as JSON in the value."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

_TEXTS = ("model", "model_version", "environment", "entity_id", "trace_id")
Headers = list[tuple[str, bytes]]
Time = datetime | int | None
"""With a zone, or whole milliseconds since 1970; None is now."""


class Event(NamedTuple):
    """One record as it goes to Kafka; `topic` without the prefix."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


def prediction(
    model: str,
    prediction_id: str,
    features: dict[str, Any],
    output: dict[str, Any],
    event_time: str,
    source: str,
    optional: dict[str, Any],
) -> Event:
    """Write one answer of one model; the key is its `prediction_id`, so its label goes to the same partition.

    >>> event = prediction("m", "p-1", {"x": 1}, {"score": 0.5}, "2026-01-01T00:00:00.000Z", "/m", {})
    >>> event.value
    b'{"prediction_id":"p-1","model":"m","event_time":"2026-01-01T00:00:00.000Z","features":{"x":1},"prediction":{"score":0.5}}'
    """
    _require(prediction_id=prediction_id, model=model)
    _require_features(features)
    if not output:
        raise ValueError("a prediction needs one of: score, label, value, probabilities")
    if "score" in output and not 0 <= _number(output["score"], "score") <= 1:
        raise ValueError(f"score must be from 0 to 1, got {output['score']!r}; what has no bounds is a value")
    _require(**{name: optional[name] for name in _TEXTS if name in optional})
    data = {
        "prediction_id": prediction_id,
        "model": model,
        "event_time": event_time,
        "features": features,
        "prediction": output,
        **optional,
    }
    headers = _headers("io.watchkeeper.prediction.v1", prediction_id, source, event_time)
    return Event("predictions", prediction_id.encode(), _encode(data), headers)


def label(prediction_id: str, label_time: str, source: str, optional: dict[str, Any]) -> Event:
    """Write the truth about one prediction, or take it back."""
    _require(prediction_id=prediction_id)
    if not optional.get("retracted"):
        _number(optional.get("label"), "label", bool)
    _require(**{name: optional[name] for name in _TEXTS if name in optional})
    data = {"prediction_id": prediction_id, "label_time": label_time, **optional}
    headers = _headers("io.watchkeeper.label.v1", f"{prediction_id}/{label_time}", source, label_time)
    return Event("labels", prediction_id.encode(), _encode(data), headers)


def feature(
    feature_view: str,
    features: dict[str, Any],
    event_time: str,
    source: str,
    event_id: str,
    entity_id: str | None,
) -> Event:
    """Write one row of a feature view; the key is its entity where there is one."""
    _require(feature_view=feature_view)
    _require_features(features)
    data: dict[str, Any] = {"feature_view": feature_view, "event_time": event_time, "features": features}
    if entity_id is not None:
        data["entity_id"] = entity_id
    headers = _headers("io.watchkeeper.feature.v1", event_id, source, event_time)
    return Event("features", (entity_id or feature_view).encode(), _encode(data), headers)


def rfc3339(time: datetime | int) -> str:
    """Write a time with its zone, in milliseconds, in UTC.

    >>> rfc3339(1_767_225_600_123)
    '2026-01-01T00:00:00.123Z'
    """
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise ValueError(f"{time.isoformat()} has no time zone: pass an aware datetime or milliseconds")
        time = int(time.timestamp() * 1000)
    seconds, ms = divmod(time, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ms:03d}Z"


def _require(**names: str) -> None:
    for name, value in names.items():
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} must be a text that is not empty, got {value!r}")


def _number(given: Any, name: str, *also: type) -> float:
    """Give a number as Python's own; ValueError if it is none, infinite, or NaN, which JSON can't say."""
    plain = given.item() if hasattr(given, "item") else given
    fits = isinstance(plain, also) or (
        isinstance(plain, int | float | Decimal) and not isinstance(plain, bool)
    )
    if fits and math.isfinite(plain):
        return float(plain)
    kinds = " or ".join(["a number", *(kind.__name__ for kind in also)])
    raise ValueError(f"{name} must be {kinds}, got {given!r}")


def _require_features(features: dict[str, Any]) -> None:
    if not isinstance(features, dict) or not features:
        raise ValueError("features must be a dict that is not empty")


def _headers(ce_type: str, ce_id: str, source: str, time: str) -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", ce_type.encode()),
        ("ce_source", source.encode()),
        ("ce_id", ce_id.encode()),
        ("ce_time", time.encode()),
        ("content-type", b"application/json"),
    ]


def _plain(value: Any) -> Any:
    # numpy's scalars are what a feature pipeline holds; `item` gives the Python value.
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} can't be written as JSON")


_encode = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number").encode
