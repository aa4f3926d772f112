"""The request to retrain a model, for the system that trains it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from watchkeeper.schemas.subjects import PRODUCTION


class DataWindow(BaseModel):
    """A span of event time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: datetime
    """The start, inclusive."""
    end: datetime
    """The end, exclusive."""


class RetrainingRequest(BaseModel):
    """Retrain `model`. The same decision always has the same `request_id`, so it can be acted on once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: str
    """The id of the decision."""
    model: str
    """The model."""
    environment: str = PRODUCTION
    """The environment in which it performs badly. A record without it is of production."""
    model_version: str
    """The version that performs badly."""
    requested_at: datetime
    """Event time: the end of the window that decided."""
    reasons: list[str]
    """Sentences for people."""
    evidence: list[dict[str, Any]] = []
    """The findings of the window that decided."""
    data_window: DataWindow
    """The span of data to train on."""
    excluded: list[DataWindow] = []
    """Spans inside `data_window` with a data-quality fault. Leave out their rows."""
    cooldown_until: datetime
    """Event time before which there is no other request for this model."""

    @model_serializer(mode="wrap")
    def _without_production(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave production out: readers from before there were environments refuse a field that is new."""
        document: dict[str, Any] = write(self)
        if self.environment == PRODUCTION:
            del document["environment"]
        return document
