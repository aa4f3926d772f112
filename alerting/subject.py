"""Everything on-call is told of one subject: from the findings of its windows to alerts and retraining.

Only event time counts here: the same findings give the same alerts, whenever they are read. Windows of labels
come after those of predictions that end no later; how far predictions are ahead then is chance. So each
window tells alerts of its own kind only, those of predictions read nothing that labels wrote, and those of
labels read what predictions wrote as it was at the end of their own window.
"""

from collections.abc import Collection

from msgspec import Struct, field

from watchkeeper.alerting.causes import Cause, Causes, group
from watchkeeper.alerting.faults import Faults
from watchkeeper.alerting.names import BROKEN, NAMES
from watchkeeper.alerting.pages import Pages
from watchkeeper.alerting.retraining import Course
from watchkeeper.alerting.symptoms import CHECKS, Spot, Symptom, explained_features, observe
from watchkeeper.alerting.versions import Answering, Versions
from watchkeeper.alerting.wording import Telling, firing_alert, resolved_alert
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Check, Kind, WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.retraining import RetrainingRequest

LABEL_CHECKS: frozenset[Check] = frozenset({"performance", "labels_late"})
ROW_CHECKS: frozenset[Check] = frozenset(CHECKS) - LABEL_CHECKS


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
    labelled: Versions = field(default_factory=Versions)
    """The versions that had labels of late; `versions` are those that published rows."""
    pages: Pages = field(default_factory=Pages)

    def __post_init__(self) -> None:
        if self.versions.seen and not self.versions.past:  # saved by a program that kept both in one
            self.labelled = self.versions.without_labels()
            self.versions.note(0)

    def take(
        self, window: WindowFindings, monitor: Monitor, runbooks: str
    ) -> tuple[list[Alert], RetrainingRequest | None]:
        """Take in the findings of one window; return the alerts that changed, and a request to retrain."""
        end_ms = window.window_end_ms
        self.pages.reach(end_ms)
        self._versions(window.kind).see(window)
        observe(self.symptoms, window, monitor.sensitivity)
        answering = self._forget_gone(window, monitor)
        causes, over = self._group(window.kind, monitor, answering)
        resolved = self._resolve(causes, over, answering, end_ms)
        self._note_faults(causes, end_ms)
        faults = self.faults.as_of(end_ms)
        telling = Telling(monitor, answering.current, faults, end_ms, runbooks)
        told = self._tell(causes, telling)
        return resolved + told, self.course.decide(window, monitor, faults, answering.current)

    def close(self, why: str) -> list[Alert]:
        """Resolve all that is open."""
        closed = [
            resolved_alert(incident.told(), incident.until_ms, incident.told_ms, why)
            for _, incident in sorted(self.incidents.items(), key=_by_name)
        ]
        self.incidents = {}
        return closed

    def _versions(self, kind: Kind) -> Versions:
        return self.labelled if kind == "labels" else self.versions

    def _forget_gone(self, window: WindowFindings, monitor: Monitor) -> Answering:
        """Drop what hangs on versions that publish no more, or on labels that are not expected any more.

        Return which version answers, as of the window's end.
        """
        gone = self._versions(window.kind).drop_gone(window.kind, _span_ms(window.kind, monitor))
        answering = self._answering(window)
        heard = {"", *answering.heard, *(self.labelled.seen if window.kind == "labels" else ())}
        for spot in list(self.symptoms):
            unexpected = spot.kind == "labels" and monitor.labels is None
            unheard = spot.kind == window.kind and (spot.version in gone or spot.version not in heard)
            if unexpected or unheard:
                del self.symptoms[spot]
        if window.kind == "labels":
            for version in gone:
                self.course.forget(version)
        return answering

    def _answering(self, window: WindowFindings) -> Answering:
        if window.kind != "labels":
            self.versions.note(window.window_end_ms)
            return self.versions.past[-1]
        answering = self.versions.as_of(window.window_end_ms)
        return answering._replace(current=answering.current or self.labelled.current())

    def _group(
        self, kind: Kind, monitor: Monitor, answering: Answering
    ) -> tuple[Causes, list[tuple[Cause, Incident]]]:
        """Return what a window tells, and what was told and is over; what is not its own stays untouched."""
        checks = LABEL_CHECKS if kind == "labels" else ROW_CHECKS
        symptoms = {spot: symptom for spot, symptom in self.symptoms.items() if spot.check in checks}
        judged = self._versions(kind).seen.get(answering.current or "")
        causes = group(symptoms, self.incidents, answering, judged.last_ms if judged else {})
        ended = checks if monitor.labels else ROW_CHECKS | LABEL_CHECKS  # no window of labels is to come
        told = [item for item in self.incidents.items() if item[0].check in ended]
        return causes, sorted((item for item in told if item[0] not in causes), key=_by_name)

    def _resolve(
        self, causes: Causes, over: list[tuple[Cause, Incident]], answering: Answering, at_ms: int
    ) -> list[Alert]:
        alerts = []
        for cause, incident in over:
            why = self._why_over(cause, causes, answering)
            alerts.append(resolved_alert(incident.told(), incident.until_ms, at_ms, why))
            del self.incidents[cause]
            if cause.check in BROKEN and not cause.shadow:
                self.faults.end(NAMES[cause.check].alertname, cause.feature, incident.until_ms, at_ms)
        return alerts

    def _note_faults(self, causes: Causes, at_ms: int) -> None:
        for cause, members in causes.items():
            if cause.check in BROKEN and not cause.shadow and cause not in self.incidents:
                began_ms = min(symptom.since_ms for symptom in members.values())
                self.faults.begin(NAMES[cause.check].alertname, cause.feature, began_ms, at_ms)

    def _tell(self, causes: Causes, telling: Telling) -> list[Alert]:
        alerts = []
        for cause, members in sorted(causes.items(), key=_by_name):
            now = firing_alert(cause, members, telling)
            incident = self.incidents.get(cause)
            until_ms = max(symptom.until_ms for symptom in members.values())
            if incident is None:
                self.incidents[cause] = Incident(now.model_dump_json(), until_ms, telling.at_ms)
                alerts.append(now)
                if now.pages:
                    self.pages.note(telling.at_ms)
            else:
                incident.until_ms = until_ms
                alerts += _retell(incident, now, telling.at_ms)
        return alerts

    def _why_over(self, cause: Cause, causes: Causes, answering: Answering) -> str:
        if _is_covered(cause, causes):
            return "It is part of a wider alert of the same name now."
        if not cause.shadow and _is_covered(cause._replace(shadow=True), causes):
            return "Only a version that another one has replaced shows it."
        if cause.version is not None and answering.supersedes(cause.version):
            return f"Version {cause.version} does not answer for the model any more."
        explained = explained_features(self.symptoms, answering.current or "", cause.check)
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
    return monitor.sensitivity.resolve_after * milliseconds(size)
