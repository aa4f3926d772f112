"""Windows of findings, built in one line each."""

from typing import Any, get_args

import msgspec

from watchkeeper.alerting.subject import SubjectAlerts
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.findings import Check, Finding, Kind, WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.retraining import RetrainingRequest

HOUR_MS = 3_600_000
START_MS = 1_378_000_800_000  # 2013-09-01 02:00 UTC
LABEL_CHECKS: list[Check] = ["performance", "labels_late"]
ROW_CHECKS: list[Check] = [check for check in get_args(Check) if check not in LABEL_CHECKS]

DECLARED: dict[str, Any] = {
    "model": "flight-delay",
    "owner": {"team": "ops-ml"},
    "task": "binary-classification",
    "features": {f"x{i}": {"type": "number"} for i in range(12)} | {"temp": {"type": "number"}},
    "segments": ["origin"],
    "labels": {"expected_within": "PT1H"},
    "retraining": {"min_labels": 1000, "data_window": "PT10H", "cooldown": "PT5H"},
}


def monitor(**changes: Any) -> Monitor:
    """The monitor of the model that these tests watch."""
    return Monitor.model_validate({**DECLARED, **changes})


def bad(
    check: Check, feature: str | None = None, segment: str | None = None, value: float = 0.4, **more: Any
) -> Finding:
    """A bad finding."""
    where = " ".join(filter(None, (feature, segment)))
    explanation = more.pop("explanation", f"{check} {where} is {value}.")
    return Finding(check, "bad", explanation, value, 0.2, feature=feature, segment=segment, **more)


def no_data(check: Check, feature: str | None = None, segment: str | None = None, **evidence: Any) -> Finding:
    """A check that could not be made."""
    return Finding(check, "no_data", "Too few rows.", feature=feature, segment=segment, evidence=evidence)


def window(
    hour: int,
    *findings: Finding,
    version: str = "1",
    kind: Kind = "predictions",
    rows: int = 1000,
    size: int = 1,
) -> WindowFindings:
    """The window that begins at an hour; all checks of its kind were made."""
    start_ms = START_MS + hour * HOUR_MS
    checked = LABEL_CHECKS if kind == "labels" else ROW_CHECKS
    return WindowFindings(
        "flight-delay", version, kind, start_ms, start_ms + size * HOUR_MS, rows, list(findings), checked
    )


class Session:
    """Passes windows to the alerts of one subject, and keeps the requests to retrain."""

    def __init__(self, **changes: Any) -> None:
        self.monitor = monitor(**changes)
        self.subject = SubjectAlerts()
        self.requests: list[RetrainingRequest] = []

    def take(self, *windows: WindowFindings) -> list[Alert]:
        """Return the alerts that changed."""
        alerts: list[Alert] = []
        for each in windows:
            changed, request = self.subject.take(each, self.monitor, "docs/runbooks/")
            alerts += changed
            self.requests += [request] if request else []
            self.restart()
        return alerts

    def restart(self) -> None:
        """Continue from a snapshot, which must be equal."""
        restored = msgspec.msgpack.decode(msgspec.msgpack.encode(self.subject), type=SubjectAlerts)
        assert restored == self.subject
        self.subject = restored


def summaries(alerts: list[Alert]) -> list[str]:
    """Alerts in short: `firing FeatureMissing temp origin=EWR`."""
    names = ("alertname", "feature", "segment", "model_version")
    return [" ".join([a.status, *(a.labels[n] for n in names if n in a.labels)]) for a in alerts]
