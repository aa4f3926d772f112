"""The three events that services publish: predictions, labels and features.

These are the general shapes, for publishers, tests and the slow path. The hot path decodes with a struct
built per model (`streams/ingest/decode.py`), which has the same fields with the model's own features typed.
"""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

# RFC 3339 with an offset, or whole milliseconds since 1970.
Time = Annotated[datetime, Meta(tz=True)] | int

LabelValue = bool | int | float | str | None


class Output(Struct, frozen=True, omit_defaults=True):
    """What the model said: a score in [0, 1] and/or a label (classification), or a value (regression)."""

    score: float | None = None
    label: bool | int | str | None = None
    value: float | None = None
    probabilities: dict[str, float] | list[float] | None = None


class Prediction(Struct, frozen=True, omit_defaults=True):
    """One answer of one model to one request."""

    prediction_id: str
    model: str
    event_time: Time
    features: dict[str, Any]
    prediction: Output
    model_version: str = "unversioned"
    segments: dict[str, str] | None = None
    latency_ms: float | None = None
    environment: str | None = None
    entity_id: str | None = None
    trace_id: str | None = None


class Label(Struct, frozen=True, omit_defaults=True):
    """The truth about one prediction, learned later; a later label for the same prediction corrects it."""

    prediction_id: str
    label_time: Time
    label: LabelValue | UnsetType = UNSET
    model: str | None = None
    retracted: bool = False


class FeatureEvent(Struct, frozen=True, omit_defaults=True):
    """One row of a feature view, monitored as a subject of its own."""

    feature_view: str
    event_time: Time
    features: dict[str, Any]
    entity_id: str | None = None
