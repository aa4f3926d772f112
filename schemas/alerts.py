"""The state of one incident, as on the compacted topic `alerts`, and its deliveries to Alertmanager."""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from watchkeeper.schemas.subjects import PRODUCTION

Severity = Literal["critical", "warning", "info"]
"""Critical wakes on-call, a warning is a ticket, info is a note."""


def _dated(time: datetime) -> datetime:
    if not 1970 <= time.year <= 9998:  # so that it has a date in every zone
        raise ValueError(f"the year {time.year} is out of range")
    return time


When = Annotated[AwareDatetime, AfterValidator(_dated)]
"""A time with its zone. A time without a zone could not be compared."""


class Alert(BaseModel):
    """The current state of one incident. Labels are its identity; numbers are in annotations and evidence.

    Unknown fields are ignored: during a rolling upgrade newer workers may write some.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: str
    """The id of the alert, made from its labels."""
    status: Literal["firing", "resolved"]
    """Whether the alert is open."""
    pages: bool
    """Whether the alert wakes on-call (severity critical) or is only recorded."""
    labels: dict[str, str]
    """The identity of the alert."""
    annotations: dict[str, str]
    """The texts for on-call, such as `summary`, `description` and `action`."""
    started_at: When
    """Event time: the start of the first bad window."""
    updated_at: When
    """Event time: the end of the window that changed the alert last."""
    ended_at: When | None = None
    """Event time: the end of the last bad window; None while the alert fires."""
    evidence: list[dict[str, Any]] = []
    """The findings behind the alert, worst first."""


class Notice(BaseModel):
    """One delivery of an alert, with times of the clock, because event time may be years ago."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    change: Literal["fired", "updated", "resolved", "repeated"]
    """Why the alert is delivered."""
    alert: Alert
    """The alert in its current state."""
    fired_at: When
    """Clock time at which the alert fired."""
    resolved_at: When | None = None
    """Clock time at which the alert resolved; None while it fires."""


def fingerprint(labels: dict[str, str]) -> str:
    """Return the id of an alert, made from its labels in any order: 16 hexadecimal digits.

    An alert of production has the same id as before there were environments.

    Args:
        labels: The labels of the alert.

    >>> fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    True
    >>> fingerprint({"a": "1", "environment": "production"}) == fingerprint({"a": "1"})
    True
    """
    named = {name: value for name, value in labels.items() if (name, value) != ("environment", PRODUCTION)}
    text = "\xff".join(f"{name}\xfe{named[name]}" for name in sorted(named))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
