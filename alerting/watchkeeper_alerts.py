"""Alerts about Watchkeeper itself. They belong to no monitor, so the settings name the team."""

from watchkeeper.alerting.evidence import utc
from watchkeeper.alerting.runbooks import OWN_RUNBOOKS
from watchkeeper.alerting.wording import SERVICE
from watchkeeper.schemas.alerts import Alert, fingerprint

OWN_ALERTS = ("RejectedShareHigh",)
"""The alerts that workers raise about themselves."""


def rejected_share_alert(
    application: str, team: str, topic: str, found: str, why: str, now_ms: int, runbooks: str = OWN_RUNBOOKS
) -> Alert:
    """Return the alert for a topic of which too many events were rejected and name no model.

    All partitions of a topic, and each restart, give the same alert.

    Args:
        application: The name of the installation.
        team: The team to notify.
        topic: The topic, without its prefix.
        found: One sentence: how many events were rejected.
        why: The last rejected event and its reason.
        now_ms: The time of the clock, in ms since 1970.
        runbooks: The folder of the runbooks.
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
        "description": f"{found} They are in no statistic. The worker goes on, and counts the other events.",
        "evidence": why,
        "action": "Find the publisher by `watchkeeper rejected show EVENT`, roll it back, then run "
        "`watchkeeper rejected replay`.",
        "runbook_url": f"{runbooks.rstrip('/')}/RejectedShareHigh.md",
    }
    return Alert(
        fingerprint=fingerprint(labels),
        status="firing",
        pages=True,
        labels=labels,
        annotations=annotations,
        started_at=utc(now_ms),
        updated_at=utc(now_ms),
    )
