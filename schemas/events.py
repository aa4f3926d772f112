"""The three events that services publish: predictions, labels and features.

These are the general structs, for publishers, tests and the slow path. The hot path decodes with a struct
built for each model (`streams/ingest/decode.py`), which has the same fields, with the model's features typed.
"""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from watchkeeper.schemas.limits import PREDICTION_ID_MAX

Time = Annotated[datetime, Meta(tz=True)] | int
"""RFC 3339 with an offset, or whole milliseconds since 1970."""
PredictionId = Annotated[str, Meta(max_length=PREDICTION_ID_MAX)]
"""The id of a prediction."""
LabelValue = bool | int | float | str | None
"""The truth about a prediction, before it is checked against the task."""


class Output(Struct, frozen=True, omit_defaults=True):
    """The output of a model: a score or a label or both (classification), or a value (regression)."""

    score: float | None = None
    """Probability of the positive class, from 0 to 1."""
    label: bool | int | str | None = None
    """The decision of the model."""
    value: float | None = None
    """The prediction of a regression."""
    probabilities: dict[str, float] | list[float] | None = None
    """The probability of each class; Watchkeeper ignores it."""


class Prediction(Struct, frozen=True, omit_defaults=True):
    """One answer of one model to one request."""

    prediction_id: PredictionId
    """Identifies the answer; labels refer to it."""
    model: str
    """The name of the model in its monitor."""
    event_time: Time
    """When the request was answered."""
    features: dict[str, Any]
    """The inputs, by name."""
    prediction: Output
    """The output."""
    model_version: str = "unversioned"
    """The version; statistics are kept per version."""
    segments: dict[str, str] | None = None
    """Values to split by that are not features, by dimension."""
    latency_ms: float | None = None
    """Serving latency in milliseconds."""
    environment: str | None = None
    """Where the model runs; None: production. The monitor of that environment watches the event."""
    entity_id: str | None = None
    """For your own readers of the topic."""
    trace_id: str | None = None
    """For your own readers of the topic."""


class Label(Struct, frozen=True, omit_defaults=True):
    """The truth about one prediction, learned later. Another label for the same prediction corrects it."""

    prediction_id: PredictionId
    """The prediction that the label is for."""
    label_time: Time
    """When the truth became known."""
    label: LabelValue | UnsetType = UNSET
    """The truth; required unless retracted."""
    model: str | None = None
    """The model; None for every model with a prediction of this id."""
    retracted: bool = False
    """Whether this event withdraws the earlier label."""
    environment: str | None = None
    """The environment of the prediction; None: that of any prediction of this id."""


class FeatureEvent(Struct, frozen=True, omit_defaults=True):
    """One row of a feature view, which is monitored as a subject of its own."""

    feature_view: str
    """The name of the feature view in its monitor."""
    event_time: Time
    """The time of the row."""
    features: dict[str, Any]
    """The values, by name."""
    entity_id: str | None = None
    """The entity that the row describes."""
    environment: str | None = None
    """Where the rows are made; None: production. The monitor of that environment watches the event."""
