"""The state of one incident: what the compacted topic `alerts` holds, and what Alertmanager is sent."""

import hashlib
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["critical", "warning", "info"]


class Alert(BaseModel):
    """One incident now. Labels are its identity; every number lives in annotations and evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    status: Literal["firing", "resolved"]
    pages: bool
    """Whether on-call is woken (severity critical) or the alert is only recorded."""
    labels: dict[str, str]
    annotations: dict[str, str]
    started_at: datetime
    """Event time: the start of the first bad window."""
    updated_at: datetime
    ended_at: datetime | None = None
    evidence: list[dict[str, Any]] = []


class Notice(BaseModel):
    """One delivery of an alert, with times of the wall clock: event time may lie years back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    change: Literal["fired", "updated", "resolved", "repeated"]
    alert: Alert
    fired_at: datetime
    resolved_at: datetime | None = None


def fingerprint(labels: dict[str, str]) -> str:
    """Identify an alert by its labels, whatever their order.

    >>> fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    True
    """
    text = "\xff".join(f"{name}\xfe{labels[name]}" for name in sorted(labels))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
