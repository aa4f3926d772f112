"""The state of one incident: what the compacted topic `alerts` holds, and what Alertmanager is sent."""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

Severity = Literal["critical", "warning", "info"]


def _dated(time: datetime) -> datetime:
    if not 1970 <= time.year <= 9998:  # so that it has a date in every zone
        raise ValueError(f"the year {time.year} is out of range")
    return time


When = Annotated[AwareDatetime, AfterValidator(_dated)]
"""A time with its zone: without one it could not be compared."""


class Alert(BaseModel):
    """One incident now. Labels are its identity; every number lives in annotations and evidence.

    Fields that are not known are passed over: in a rolling upgrade newer workers may write some.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: str
    status: Literal["firing", "resolved"]
    pages: bool
    """Whether on-call is woken (severity critical) or the alert is only recorded."""
    labels: dict[str, str]
    annotations: dict[str, str]
    started_at: When
    """Event time: the start of the first bad window."""
    updated_at: When
    ended_at: When | None = None
    evidence: list[dict[str, Any]] = []


class Notice(BaseModel):
    """One delivery of an alert, with times of the wall clock: event time may lie years back."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    change: Literal["fired", "updated", "resolved", "repeated"]
    alert: Alert
    fired_at: When
    resolved_at: When | None = None


def fingerprint(labels: dict[str, str]) -> str:
    """Identify an alert by its labels, whatever their order.

    >>> fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    True
    """
    text = "\xff".join(f"{name}\xfe{labels[name]}" for name in sorted(labels))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
