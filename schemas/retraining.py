"""The decision to retrain a model, for whatever trains it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class DataWindow(BaseModel):
    """The span of event time to train on, from inclusive, to exclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: datetime
    end: datetime


class RetrainingRequest(BaseModel):
    """Train `model` anew. `request_id` is the same for the same decision, so obeying twice is avoidable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: str
    model: str
    model_version: str
    """The version that did badly."""
    requested_at: datetime
    """Event time: the end of the window that decided."""
    reasons: list[str]
    evidence: list[dict[str, Any]] = []
    data_window: DataWindow
    excluded: list[DataWindow] = []
    """Spans inside `data_window` in which a data-quality fault was active: leave their rows out."""
    cooldown_until: datetime
    """No other request for this model before this event time."""
