"""Everything on-call is told of one subject: from the findings of its windows to alerts and retraining.

Only event time counts here: the same findings give the same alerts, whenever they are read.
"""

from collections.abc import Collection
from datetime import timedelta

from msgspec import Struct, field

from alerting.causes import Cause, Causes, group
from alerting.faults import Faults
from alerting.names import BROKEN, NAMES
from alerting.retraining import Course
from alerting.symptoms import CHECKS, Spot, Symptom, explained_features, observe
from alerting.versions import Versions
from alerting.wording import Telling, firing_alert, resolved_alert
from schemas.alerts import Alert
from schemas.findings import Kind, WindowFindings
from schemas.monitors import Monitor
from schemas.retraining import RetrainingRequest


class Incident(Struct):
    """An alert that is open."""

    alert: str
    """JSON of the alert as it was told last."""
    until_ms: int
    """The end of the last bad window."""
    told_ms: int
    """The end of the window at which it was told last."""

    def told(self) -> Alert:
        """Return the alert as it was told last."""
        return Alert.model_validate_json(self.alert)


class Subject(Struct):
    """One model or feature view, as on-call sees it. Encoding the struct is the snapshot."""

    versions: Versions = field(default_factory=Versions)
    symptoms: dict[Spot, Symptom] = {}
    incidents: dict[Cause, Incident] = {}
    faults: Faults = field(default_factory=Faults)
    course: Course = field(default_factory=Course)

    def take(
        self, window: WindowFindings, monitor: Monitor, runbooks: str
    ) -> tuple[list[Alert], RetrainingRequest | None]:
        """Take in the findings of one window; return the alerts that changed, and a request to retrain."""
        self.versions.see(window)
        observe(self.symptoms, window, monitor.sensitivity)
        self._forget_gone(window.kind, monitor)
        causes = group(self.symptoms, self.incidents, self.versions)
        current = self.versions.current()
        over = self._resolve(causes, window.window_end_ms)
        self._note_faults(causes)
        telling = Telling(monitor, current, self.faults, window.window_end_ms, runbooks)
        return over + self._tell(causes, telling), self.course.decide(window, monitor, self.faults, current)

    def close(self, why: str) -> list[Alert]:
        """Resolve all that is open."""
        closed = [
            resolved_alert(incident.told(), incident.until_ms, incident.told_ms, why)
            for _, incident in sorted(self.incidents.items(), key=_by_name)
        ]
        self.incidents = {}
        return closed

    def _forget_gone(self, kind: Kind, monitor: Monitor) -> None:
        """Drop what hangs on versions that publish no more, or on labels that are not expected any more."""
        gone = self.versions.drop_gone(kind, _span_ms(kind, monitor))
        for version in gone:
            self.course.forget(version)
        for spot in list(self.symptoms):
            unexpected = spot.kind == "labels" and monitor.labels is None
            unheard = spot.version not in ("", *self.versions.seen)
            if unexpected or unheard or (spot.kind == kind and spot.version in gone):
                del self.symptoms[spot]

    def _resolve(self, causes: Causes, at_ms: int) -> list[Alert]:
        over = sorted((item for item in self.incidents.items() if item[0] not in causes), key=_by_name)
        alerts = []
        for cause, incident in over:
            why = self._why_over(cause, causes)
            alerts.append(resolved_alert(incident.told(), incident.until_ms, at_ms, why))
            del self.incidents[cause]
            if cause.check in BROKEN and not cause.shadow:
                self.faults.end(NAMES[cause.check].alertname, cause.feature, incident.until_ms)
        return alerts

    def _note_faults(self, causes: Causes) -> None:
        for cause, members in causes.items():
            if cause.check in BROKEN and not cause.shadow and cause not in self.incidents:
                began_ms = min(symptom.since_ms for symptom in members.values())
                self.faults.begin(NAMES[cause.check].alertname, cause.feature, began_ms)

    def _tell(self, causes: Causes, telling: Telling) -> list[Alert]:
        alerts = []
        for cause, members in sorted(causes.items(), key=_by_name):
            now = firing_alert(cause, members, telling)
            incident = self.incidents.get(cause)
            until_ms = max(symptom.until_ms for symptom in members.values())
            if incident is None:
                self.incidents[cause] = Incident(now.model_dump_json(), until_ms, telling.at_ms)
                alerts.append(now)
            else:
                incident.until_ms = until_ms
                alerts += _retell(incident, now, telling.at_ms)
        return alerts

    def _why_over(self, cause: Cause, causes: Causes) -> str:
        if _is_covered(cause, causes):
            return "It is part of a wider alert of the same name now."
        if not cause.shadow and _is_covered(cause._replace(shadow=True), causes):
            return "Only a version that another one has replaced shows it."
        if cause.version is not None and self.versions.is_superseded(cause.version):
            return f"Version {cause.version} does not answer for the model any more."
        explained = explained_features(self.symptoms, self.versions.current() or "", cause.check)
        if cause.feature in explained or (explained and cause.check == "drift"):
            return "A data-quality fault explains it."
        return "It was not found again."


def _retell(incident: Incident, now: Alert, at_ms: int) -> list[Alert]:
    """Tell an open alert again if its explanation changed, at most once per window."""
    told = incident.told()
    if at_ms <= incident.told_ms or _said(now) == _said(told):
        return []
    changes = ("annotations", "evidence", "updated_at")
    again = told.model_copy(update={name: getattr(now, name) for name in changes})
    incident.alert, incident.told_ms = again.model_dump_json(), at_ms
    return [again]


def _said(alert: Alert) -> dict[str, str]:
    """All but the bare numbers, which change with each window."""
    return alert.annotations | {"evidence": ""}


def _is_covered(cause: Cause, causes: Collection[Cause]) -> bool:
    return any(wider.covers(cause) for wider in causes)


def _by_name(item: tuple[Cause, object]) -> tuple[int, tuple[str, ...]]:
    cause = item[0]
    return CHECKS.index(cause.check), tuple(str(part or "") for part in cause[1:])


def _span_ms(kind: Kind, monitor: Monitor) -> int:
    """How far a version may lie behind the newest before it counts as gone."""
    size = monitor.windows.size
    if kind == "labels" and monitor.labels is not None:
        size = monitor.labels.window or size
    return monitor.sensitivity.resolve_after * (size // timedelta(milliseconds=1))
