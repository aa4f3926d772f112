"""The bytes of one event: a CloudEvent in Kafka's binary mode, with the data as JSON in the value."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

PREDICTION_ID_MAX = 256
"""Most characters of a `prediction_id`: a worker refuses events with a longer one."""
_TEXTS = ("model", "model_version", "environment", "entity_id", "trace_id")
"""Optional fields that must be texts."""
Headers = list[tuple[str, bytes]]
"""Names and contents of the headers of a record."""
Time = datetime | int | None
"""A datetime with a zone, or whole milliseconds since 1970; None means now."""


class EventRecord(NamedTuple):
    """One event as a record for Kafka."""

    topic: str
    """The topic, without the prefix."""
    key: bytes
    """The key, which decides the partition."""
    value: bytes
    """The event as JSON."""
    headers: Headers
    """The attributes of the CloudEvent."""


def prediction(
    model: str,
    prediction_id: str,
    features: dict[str, Any],
    output: dict[str, Any],
    event_time: str,
    source: str,
    optional: dict[str, Any],
) -> EventRecord:
    """Return one prediction. Its key is the `prediction_id`, so that its label goes to the same partition.

    Args:
        model: The name of the model.
        prediction_id: The id of the prediction.
        features: The inputs, by name; not empty.
        output: At least one of `score`, `label`, `value` and `probabilities`.
        event_time: When the request was answered, in RFC 3339.
        source: The publisher, for the header `ce_source`.
        optional: Optional fields of the event, by name.

    Raises:
        ValueError: if a field is not valid.
        TypeError: if a value can't be written as JSON.

    >>> event = prediction("m", "p-1", {"x": 1}, {"score": 0.5}, "2026-01-01T00:00:00.000Z", "/m", {})
    >>> event.value
    b'{"prediction_id":"p-1","model":"m","event_time":"2026-01-01T00:00:00.000Z","features":{"x":1},"prediction":{"score":0.5}}'
    """
    _require(prediction_id=prediction_id, model=model)
    _require_features(features)
    if not output:
        raise ValueError("a prediction needs one of: score, label, value, probabilities")
    if "score" in output and not 0 <= _number(output["score"], "score") <= 1:
        raise ValueError(
            f"score must be from 0 to 1, got {output['score']!r}; pass an unbounded output as value"
        )
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
    return EventRecord("predictions", prediction_id.encode(), _encode(data), headers)


def label(prediction_id: str, label_time: str, source: str, optional: dict[str, Any]) -> EventRecord:
    """Return one label, or its retraction. Its key is the `prediction_id`.

    Args:
        prediction_id: The id of the prediction.
        label_time: When the truth became known, in RFC 3339.
        source: The publisher, for the header `ce_source`.
        optional: `label` or `retracted`, and other optional fields of the event, by name.

    Raises:
        ValueError: if a field is not valid.
        TypeError: if a value can't be written as JSON.

    >>> label("p-1", "2026-01-01T00:00:00.000Z", "/m", {"label": True}).value
    b'{"prediction_id":"p-1","label_time":"2026-01-01T00:00:00.000Z","label":true}'
    """
    _require(prediction_id=prediction_id)
    if not optional.get("retracted"):
        _number(optional.get("label"), "label", bool)
    _require(**{name: optional[name] for name in _TEXTS if name in optional})
    data = {"prediction_id": prediction_id, "label_time": label_time, **optional}
    headers = _headers("io.watchkeeper.label.v1", f"{prediction_id}/{label_time}", source, label_time)
    return EventRecord("labels", prediction_id.encode(), _encode(data), headers)


def feature(
    feature_view: str,
    features: dict[str, Any],
    event_time: str,
    source: str,
    event_id: str,
    optional: dict[str, Any],
) -> EventRecord:
    """Return one row of a feature view. Its key is the entity, or else the name of the feature view.

    Args:
        feature_view: The name of the feature view.
        features: The values, by name; not empty.
        event_time: The time of the row, in RFC 3339.
        source: The publisher, for the header `ce_source`.
        event_id: The id of the event.
        optional: Other fields of the event, by name, such as the `entity_id` that the row describes.

    Raises:
        ValueError: if a field is not valid.
        TypeError: if a value can't be written as JSON.

    >>> feature("weather", {"temp": 39.0}, "2026-01-01T00:00:00.000Z", "/m", "e-1", {"entity_id": "EWR"}).key
    b'EWR'
    """
    _require(feature_view=feature_view)
    _require_features(features)
    _require(**{name: optional[name] for name in _TEXTS if name in optional})
    data = {"feature_view": feature_view, "event_time": event_time, "features": features, **optional}
    headers = _headers("io.watchkeeper.feature.v1", event_id, source, event_time)
    return EventRecord("features", optional.get("entity_id", feature_view).encode(), _encode(data), headers)


def rfc3339(time: datetime | int) -> str:
    """Return a time as text, in UTC with milliseconds.

    Args:
        time: A datetime with a zone, or whole milliseconds since 1970.

    Raises:
        ValueError: if the datetime has no zone.

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
        if name == "prediction_id" and len(value) > PREDICTION_ID_MAX:
            raise ValueError(f"{name} has {len(value)} characters; the limit is {PREDICTION_ID_MAX}")


def _number(given: Any, name: str, *also: type) -> float:
    """Return a number as a float. Raise ValueError if it is not a number, or not finite, which JSON lacks."""
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
    # Feature pipelines often hold numpy scalars; `item` returns the Python value.
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} can't be written as JSON")


_encode = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number").encode
