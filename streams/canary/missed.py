"""The page that says: what the canary put in was not seen. It fires until a later round is detected."""

from datetime import timedelta
from typing import NamedTuple

from rich.console import Console

from watchkeeper.alerting.alertmanager import Alertmanager, AlertmanagerRefusal, payload
from watchkeeper.alerting.evidence import when
from watchkeeper.alerting.pager import show
from watchkeeper.alerting.runbooks import runbook_url_of
from watchkeeper.schemas.alerts import Alert, Notice, fingerprint
from watchkeeper.streams.canary.round import Result
from watchkeeper.streams.notify.stage import EXPIRE_AFTER_RESENDS, RESEND_SECONDS

__all__ = ["MissedAlert"]

ALERTNAME = "CanaryMissed"
_RETRY_MS = 5_000


class MissReport(NamedTuple):
    """What is to be told now."""

    began_ms: int
    why: str
    resolved_ms: int | None = None


class MissedAlert:
    """The alert `CanaryMissed` of one canary, at Alertmanager or on the terminal.

    Prometheus raises an alert of that name, too, but only while this one can't be told: of two senders of one
    alert, either would end what the other says.
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
        self._told: MissReport | None = None
        self._due_ms = 0
        self._refused = False

    @property
    def firing(self) -> bool:
        """Whether the last round was missed."""
        return self._told is not None and self._told.resolved_ms is None

    @property
    def untold(self) -> bool:
        """Whether it fires and no Alertmanager knows."""
        return self.firing and (self._alertmanager is None or self._refused)

    async def adopt(self, now_ms: int) -> bool:
        """Go on with what a canary before us left firing: else it would end by itself, and page once more.

        Return whether that is known now; False where no Alertmanager answers.
        """
        if self._alertmanager is None or self._told is not None:
            return True
        found = await self._alertmanager.firing({name: self.labels[name] for name in ("alertname", "model")})
        if isinstance(found, AlertmanagerRefusal):
            return False
        if self.labels in found:
            self._told, self._due_ms = MissReport(now_ms, "an earlier canary missed its drift"), now_ms
        return True

    def settle(self, result: Result, now_ms: int) -> None:
        """Take in how a round ended; `tell` says it."""
        if result.outcome == "missed":
            began_ms = self._told.began_ms if self._told is not None and self.firing else now_ms
            self._change(MissReport(began_ms, result.why), now_ms)
        elif self._told is not None and self.firing:
            self._change(self._told._replace(resolved_ms=now_ms), now_ms)

    def _change(self, told: MissReport, now_ms: int) -> None:
        news = self._told is None or self._told.resolved_ms != told.resolved_ms
        self._told, self._due_ms = told, now_ms
        if self._alertmanager is None and news:
            show(self._console, self._alert(told))

    async def tell(self, now_ms: int) -> AlertmanagerRefusal | None:
        """Tell Alertmanager what is due; return why it was not taken. It is tried again until it is."""
        if self._alertmanager is None or self._told is None or now_ms < self._due_ms:
            return None
        told = self._told
        resolved_at = None if told.resolved_ms is None else when(told.resolved_ms)
        notice = Notice(
            change="resolved" if resolved_at else "repeated",
            alert=self._alert(told),
            fired_at=when(told.began_ms),
            resolved_at=resolved_at,
        )
        expire = timedelta(milliseconds=EXPIRE_AFTER_RESENDS * self._resend_ms)
        refusal = await self._alertmanager.post(payload([notice], when(now_ms), expire))
        self._refused = refusal is not None
        if self._told is told:
            self._due_ms = now_ms + (self._resend_ms if refusal is None else _RETRY_MS)
            if refusal is None and told.resolved_ms is not None:
                self._told = None
        return refusal

    def _alert(self, told: MissReport) -> Alert:
        model, ended = self.labels["model"], told.resolved_ms
        annotations = {
            "summary": "Watchkeeper did not detect the drift of its probe",
            "description": f"{model}: {told.why}. Real faults may go undetected too.",
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
            started_at=when(told.began_ms),
            updated_at=when(ended or told.began_ms),
            ended_at=None if ended is None else when(ended),
        )
