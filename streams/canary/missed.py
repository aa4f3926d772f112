"""The alert that the probe's drift was not detected. It fires until the drift of a later round is."""

from datetime import timedelta
from typing import NamedTuple

from rich.console import Console

from watchkeeper.alerting.alertmanager import Alertmanager, AlertmanagerRefusal, payload
from watchkeeper.alerting.evidence import utc
from watchkeeper.alerting.pager import show
from watchkeeper.alerting.runbooks import runbook_url_of
from watchkeeper.schemas.alerts import Alert, Notice, fingerprint
from watchkeeper.streams.canary.round import Result
from watchkeeper.streams.notify.stage import EXPIRE_AFTER_RESENDS, RESEND_SECONDS

__all__ = ["MissedAlert"]

ALERTNAME = "CanaryMissed"
_RETRY_MS = 5_000
"""Milliseconds from a failed delivery to the next try. Chosen by hand."""


class MissReport(NamedTuple):
    """The state of the alert to be delivered."""

    began_ms: int
    """When it began to fire."""
    why: str
    """What was not seen."""
    resolved_ms: int | None = None
    """When it was resolved; None while it fires."""


class MissedAlert:
    """The alert `CanaryMissed` of one probe, in Alertmanager or on the terminal.

    Prometheus raises an alert of the same name only while this one cannot be delivered: of two senders of one
    alert, each would resolve what the other fires.

    Args:
        model: The probe's subject.
        team: The owner of the alert.
        runbooks: The base URL of the runbooks.
        alertmanager: Where the alert is delivered; None: the terminal.
        console: The terminal.
        resend_seconds: The time between two deliveries of the firing alert.
    """

    def __init__(
        self,
        model: str,
        team: str,
        runbooks: str,
        alertmanager: Alertmanager | None,
        console: Console,
        resend_seconds: float = RESEND_SECONDS,
    ) -> None:
        self.labels = {
            "alertname": ALERTNAME,
            "severity": "critical",
            "team": team,
            "service": "watchkeeper",
            "kind": "self",
            "model": model,
        }
        self._runbook = runbook_url_of(ALERTNAME, runbooks)
        self._alertmanager = alertmanager
        self._console = console
        self._resend_ms = round(resend_seconds * 1000)
        self._report: MissReport | None = None
        self._due_ms = 0
        self._refused = False

    @property
    def firing(self) -> bool:
        """Whether the last round was missed."""
        return self._report is not None and self._report.resolved_ms is None

    @property
    def undelivered(self) -> bool:
        """Whether it fires and no Alertmanager has accepted it."""
        return self.firing and (self._alertmanager is None or self._refused)

    async def adopt(self, now_ms: int) -> bool:
        """Take over the alert that an earlier probe left firing. It would expire otherwise, and page twice.

        Returns:
            Whether it is known if there is such an alert; False if no Alertmanager answers.
        """
        if self._alertmanager is None or self._report is not None:
            return True
        found = await self._alertmanager.firing({name: self.labels[name] for name in ("alertname", "model")})
        if isinstance(found, AlertmanagerRefusal):
            return False
        if self.labels in found:
            self._report, self._due_ms = (
                MissReport(now_ms, "the drift of an earlier probe was not detected"),
                now_ms,
            )
        return True

    def record(self, result: Result, now_ms: int) -> None:
        """Record the result of a round; `deliver` sends the change."""
        if result.outcome == "missed":
            began_ms = self._report.began_ms if self._report is not None and self.firing else now_ms
            self._change(MissReport(began_ms, result.why), now_ms)
        elif self._report is not None and self.firing:
            self._change(self._report._replace(resolved_ms=now_ms), now_ms)

    def _change(self, report: MissReport, now_ms: int) -> None:
        is_new = self._report is None or self._report.resolved_ms != report.resolved_ms
        self._report, self._due_ms = report, now_ms
        if self._alertmanager is None and is_new:
            show(self._console, self._alert(report))

    async def deliver(self, now_ms: int) -> AlertmanagerRefusal | None:
        """Deliver the alert if it is due; return the refusal if it was not accepted. Later calls retry."""
        if self._alertmanager is None or self._report is None or now_ms < self._due_ms:
            return None
        report = self._report
        resolved_at = None if report.resolved_ms is None else utc(report.resolved_ms)
        notice = Notice(
            change="resolved" if resolved_at else "repeated",
            alert=self._alert(report),
            fired_at=utc(report.began_ms),
            resolved_at=resolved_at,
        )
        expire = timedelta(milliseconds=EXPIRE_AFTER_RESENDS * self._resend_ms)
        refusal = await self._alertmanager.post(payload([notice], utc(now_ms), expire))
        self._refused = refusal is not None
        if self._report is report:
            self._due_ms = now_ms + (self._resend_ms if refusal is None else _RETRY_MS)
            if refusal is None and report.resolved_ms is not None:
                self._report = None
        return refusal

    def _alert(self, report: MissReport) -> Alert:
        model, ended = self.labels["model"], report.resolved_ms
        annotations = {
            "summary": "Watchkeeper did not detect the drift of its probe",
            "description": f"{model}: {report.why}. Real faults may go undetected too.",
            "action": "Look for other alerts about Watchkeeper itself. Then follow an event, stage by stage.",
            "runbook_url": self._runbook,
        }
        if ended is not None:
            annotations["resolution"] = "The drift of a later round was detected."
        return Alert(
            fingerprint=fingerprint(self.labels),
            status="firing" if ended is None else "resolved",
            pages=True,
            labels=self.labels,
            annotations=annotations,
            started_at=utc(report.began_ms),
            updated_at=utc(ended or report.began_ms),
            ended_at=None if ended is None else utc(ended),
        )
