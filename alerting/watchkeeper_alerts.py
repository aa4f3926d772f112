"""Alerts on Watchkeeper itself: nobody's monitor says whom to wake, so the settings do."""

from watchkeeper.alerting.evidence import when
from watchkeeper.alerting.runbooks import OWN_RUNBOOKS
from watchkeeper.alerting.wording import SERVICE
from watchkeeper.schemas.alerts import Alert, fingerprint

OWN_ALERTS = ("RejectedShareHigh",)


def rejected_share_alert(
    application: str, team: str, topic: str, found: str, why: str, now_ms: int, runbooks: str = OWN_RUNBOOKS
) -> Alert:
    """Say that a worker stopped because too much of a topic is rejected.

    It is the same alert for all partitions and after each restart.
    """
    labels = {
        "alertname": "RejectedShareHigh",
        "severity": "critical",
        "team": team,
        "service": SERVICE,
        "application": application,
        "topic": topic,
        "kind": "data_quality",
    }
    annotations = {
        "summary": f"Too many events rejected: {topic}",
        "description": f"{found} The worker has stopped and read no further.",
        "evidence": why,
        "action": "Roll the publisher back or apply the monitor; see what came: `watchkeeper rejected list`.",
        "runbook_url": f"{runbooks.rstrip('/')}/RejectedShareHigh.md",
    }
    return Alert(
        fingerprint=fingerprint(labels),
        status="firing",
        pages=True,
        labels=labels,
        annotations=annotations,
        started_at=when(now_ms),
        updated_at=when(now_ms),
    )
