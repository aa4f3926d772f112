"""All alerts and retraining requests of one subject, made from the findings of its windows.

Only event time counts here: the same findings give the same alerts, whenever they are read. Windows of
labels come after the windows of predictions that end no later. How many later windows of predictions came
before depends on chance. So each window changes only alerts of its own kind. Windows of predictions read
nothing that labels wrote, and windows of labels read what predictions wrote as it was at their own end.
"""

from collections.abc import Collection, Set

from msgspec import Struct, field

from watchkeeper.alerting.acceptance import accepted_by, forget_accepted
from watchkeeper.alerting.causes import Cause, Causes, group
from watchkeeper.alerting.faults import FaultHistory, label_wait_ms
from watchkeeper.alerting.names import BROKEN, NAMES
from watchkeeper.alerting.pages import PageHistory
from watchkeeper.alerting.retraining import RetrainingState
from watchkeeper.alerting.symptoms import CHECKS, Spot, Symptom, explained_features, observe
from watchkeeper.alerting.versions import Answering, Versions
from watchkeeper.alerting.wording import AlertContext, firing_alert, resolved_alert
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import EXPLAINED_BY, OUTPUT_CHECKS, Check, Kind, WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.retraining import RetrainingRequest

LABEL_CHECKS: frozenset[Check] = frozenset({"performance", "labels_late"})
"""Checks of windows of labels."""
DATA_FAULT = "A data-quality fault explains it."
"""Why an alert is over that another one explains now."""
ROW_CHECKS: frozenset[Check] = frozenset(CHECKS) - LABEL_CHECKS
"""Checks of windows of predictions and features."""


class OpenIncident(Struct):
    """An alert that is open."""

    alert: str
    """JSON of the alert as it was published last."""
    until_ms: int
    """The end of the last bad window, in ms since 1970."""
    published_ms: int = field(name="told_ms")
    """The end of the window at which it was published last, in ms since 1970."""

    def published(self) -> Alert:
        """Return the alert as it was published last."""
        return Alert.model_validate_json(self.alert)


class SubjectAlerts(Struct):
    """The alerts of one model or feature view. The encoded struct is its snapshot in the checkpoint."""

    versions: Versions = field(default_factory=Versions)
    """The versions that recently published rows."""
    symptoms: dict[Spot, Symptom] = {}
    """The checks that are bad or were bad recently."""
    incidents: dict[Cause, OpenIncident] = {}
    """The open alerts."""
    faults: FaultHistory = field(default_factory=FaultHistory)
    """The data faults, past and present."""
    retraining: RetrainingState = field(name="course", default_factory=RetrainingState)
    """The state of the decision to retrain."""
    labelled: Versions = field(default_factory=Versions)
    """The versions that recently had labels."""
    pages: PageHistory = field(default_factory=PageHistory)
    """When pages began."""
    whole_traffic: bool = False
    """Whether traffic is judged for the subject as a whole; False in what older versions saved."""

    def __post_init__(self) -> None:
        if self.versions.seen and not self.versions.past:  # saved by a version that kept both in one
            self.labelled = self.versions.without_labels()
            self.versions.note(0)
        if not self.whole_traffic:  # saved by a version that judged the traffic of each version
            self.symptoms = {spot: each for spot, each in self.symptoms.items() if not _is_old(spot)}
            self.whole_traffic = True

    def take(
        self, window: WindowFindings, monitor: Monitor, runbooks: str
    ) -> tuple[list[Alert], RetrainingRequest | None]:
        """Update the alerts with the findings of one window.

        Args:
            window: The findings of the window.
            monitor: The monitor that was in force for the window.
            runbooks: The folder of the runbooks, for monitors that name none.

        Returns:
            The alerts that changed, and a request to retrain or None.
        """
        end_ms = window.window_end_ms
        self.pages.advance(end_ms)
        self._versions(window.kind).see(window)
        output_faults = self._output_faults(window, monitor)
        observe(self.symptoms, window, monitor.sensitivity, output_faults)
        forget_accepted(self.symptoms, window)
        answering = self._forget_gone(window, monitor)
        causes, over = self._group(window.kind, monitor, answering)
        resolved = self._resolve(causes, over, answering, window, output_faults)
        self._note_faults(causes, end_ms)
        faults = self.faults.as_of(end_ms)
        context = AlertContext(monitor, answering.current, faults, end_ms, runbooks)
        firing = self._publish(causes, context)
        return resolved + firing, self.retraining.decide(window, monitor, faults, answering.current)

    def close(self, why: str) -> list[Alert]:
        """Resolve all open alerts.

        Args:
            why: One sentence for on-call: why they are over.

        Returns:
            The resolved alerts.
        """
        closed = [
            resolved_alert(incident.published(), incident.until_ms, incident.published_ms, why)
            for _, incident in sorted(self.incidents.items(), key=_by_name)
        ]
        self.incidents = {}
        return closed

    def _versions(self, kind: Kind) -> Versions:
        return self.labelled if kind == "labels" else self.versions

    def _forget_gone(self, window: WindowFindings, monitor: Monitor) -> Answering:
        """Drop the symptoms of versions that no longer publish, and of labels that are no longer expected.

        Return which version answers, as of the window's end.
        """
        gone = self._versions(window.kind).drop_gone(window.kind, _span_ms(window.kind, monitor))
        answering = self._answering(window)
        known = {"", *answering.published, *(self.labelled.seen if window.kind == "labels" else ())}
        for spot in list(self.symptoms):
            unexpected = spot.kind == "labels" and monitor.labels is None
            unknown = spot.kind == window.kind and (spot.version in gone or spot.version not in known)
            if unexpected or unknown:
                del self.symptoms[spot]
        if window.kind == "labels":
            for version in gone:
                self.retraining.forget(version)
        return answering

    def _answering(self, window: WindowFindings) -> Answering:
        if window.kind != "labels":
            self.versions.note(window.window_end_ms)
            return self.versions.past[-1]
        answering = self.versions.as_of(window.window_end_ms)
        return answering._replace(current=answering.current or self.labelled.current())

    def _group(
        self, kind: Kind, monitor: Monitor, answering: Answering
    ) -> tuple[Causes, list[tuple[Cause, OpenIncident]]]:
        """Return the causes that fire, and the open incidents that are over. Other kinds stay untouched."""
        checks = LABEL_CHECKS if kind == "labels" else ROW_CHECKS
        symptoms = {spot: symptom for spot, symptom in self.symptoms.items() if spot.check in checks}
        judged = self._versions(kind).seen.get(answering.current or "")
        causes = group(symptoms, self.incidents, answering, judged.last_ms if judged else {})
        ended = checks if monitor.labels else ROW_CHECKS | LABEL_CHECKS  # no more windows of labels will come
        candidates = [item for item in self.incidents.items() if item[0].check in ended]
        return causes, sorted((item for item in candidates if item[0] not in causes), key=_by_name)

    def _output_faults(self, window: WindowFindings, monitor: Monitor) -> set[Check]:
        """Return the faults of the model's output that a window of labels knows. They explain its checks."""
        if window.kind != "labels":
            return set()
        since_ms = window.window_start_ms - label_wait_ms(monitor)
        known = self.faults.as_of(window.window_end_ms).within(since_ms, window.window_end_ms)
        names = {fault.alertname for fault in known}
        return {check for check in OUTPUT_CHECKS if NAMES[check].alertname in names}

    def _resolve(
        self,
        causes: Causes,
        over: list[tuple[Cause, OpenIncident]],
        answering: Answering,
        window: WindowFindings,
        faults: Set[Check],
    ) -> list[Alert]:
        alerts, at_ms = [], window.window_end_ms
        for cause, incident in over:
            is_explained = bool(EXPLAINED_BY.get(cause.check, frozenset()) & faults)
            by = accepted_by(cause, window)
            why = DATA_FAULT if is_explained else by or self._why_over(cause, causes, answering)
            alerts.append(resolved_alert(incident.published(), incident.until_ms, at_ms, why))
            del self.incidents[cause]
            if cause.check in BROKEN and not cause.shadow:
                self.faults.end(NAMES[cause.check].alertname, cause.feature, incident.until_ms, at_ms)
        return alerts

    def _note_faults(self, causes: Causes, at_ms: int) -> None:
        for cause, members in causes.items():
            if cause.check in BROKEN and not cause.shadow and cause not in self.incidents:
                began_ms = min(symptom.since_ms for symptom in members.values())
                self.faults.begin(NAMES[cause.check].alertname, cause.feature, began_ms, at_ms)

    def _publish(self, causes: Causes, context: AlertContext) -> list[Alert]:
        alerts = []
        for cause, members in sorted(causes.items(), key=_by_name):
            incident = self.incidents.get(cause)
            known = incident.published().fingerprint if incident is not None else None
            now = firing_alert(cause, members, context, known)
            until_ms = max(symptom.until_ms for symptom in members.values())
            if incident is None:
                self.incidents[cause] = OpenIncident(now.model_dump_json(), until_ms, context.at_ms)
                alerts.append(now)
                if now.pages:
                    self.pages.note(context.at_ms)
            else:
                incident.until_ms = until_ms
                alerts += _republish(incident, now, context.at_ms)
        return alerts

    def _why_over(self, cause: Cause, causes: Causes, answering: Answering) -> str:
        if _is_covered(cause, causes):
            return "A wider alert of the same name covers it now."
        if not cause.shadow and _is_covered(cause._replace(shadow=True), causes):
            return "Only a replaced version shows the fault."
        if cause.version is not None and answering.supersedes(cause.version):
            return f"Version {cause.version} no longer answers for the model."
        if cause.check in LABEL_CHECKS:  # what explains them is known as of the window's end: see _resolve
            return "It was not detected again."
        explained = explained_features(self.symptoms, answering.current or "", cause.check)
        if cause.feature in explained or (explained and cause.check == "drift"):
            return DATA_FAULT
        return "It was not detected again."


def _republish(incident: OpenIncident, now: Alert, at_ms: int) -> list[Alert]:
    """Publish an open alert again if its words changed, at most once per window."""
    before = incident.published()
    if at_ms <= incident.published_ms or _words(now) == _words(before):
        return []
    changes = ("annotations", "evidence", "updated_at")
    again = before.model_copy(update={name: getattr(now, name) for name in changes})
    incident.alert, incident.published_ms = again.model_dump_json(), at_ms
    return [again]


def _words(alert: Alert) -> dict[str, str]:
    """Return all annotations but the bare numbers, which change with each window."""
    return alert.annotations | {"evidence": ""}


def _is_old(spot: Spot) -> bool:
    return spot.check == "volume" and spot.version != ""


def _is_covered(cause: Cause, causes: Collection[Cause]) -> bool:
    return any(wider.covers(cause) for wider in causes)


def _by_name(item: tuple[Cause, object]) -> tuple[int, tuple[str, ...]]:
    cause = item[0]
    return CHECKS.index(cause.check), tuple(str(part or "") for part in cause[1:])


def _span_ms(kind: Kind, monitor: Monitor) -> int:
    """Return how far a version may be behind the newest before it counts as gone, in milliseconds."""
    size = monitor.windows.size
    if kind == "labels" and monitor.labels is not None:
        size = monitor.labels.window or size
    return monitor.sensitivity.resolve_after * milliseconds(size)
