"""Builds alerts for tests of the demo."""

from datetime import UTC, datetime
from typing import Any

from watchkeeper.schemas.alerts import Alert, fingerprint


def day(month: int, of_month: int, hour: int = 0) -> datetime:
    return datetime(2013, month, of_month, hour, tzinfo=UTC)


def alert(
    alertname: str,
    started: datetime,
    updated: datetime,
    status: Any = "firing",
    pages: bool = True,
    several: str = "",
    **labels: str,
) -> Alert:
    """An alert on the flights, or on whatever the labels name."""
    subject = {} if "feature_view" in labels else {"model": "flight-delay"}
    labels = {"alertname": alertname, "severity": "critical", **subject, **labels}
    annotations = {
        "summary": f"{alertname} in short",
        "description": f"{alertname} at length",
        "runbook_url": f"docs/runbooks/{alertname}.md",
        "features": several,
    }
    return Alert(
        fingerprint=fingerprint(labels),
        status=status,
        pages=pages,
        labels=labels,
        annotations=annotations,
        started_at=started,
        updated_at=updated,
        ended_at=updated if status == "resolved" else None,
    )
