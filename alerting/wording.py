"""An alert in words: labels say which alert it is, annotations say all the rest."""

from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper.alerting.causes import Cause
from watchkeeper.alerting.evidence import as_data, in_words, ranked, said, when
from watchkeeper.alerting.faults import Fault, Faults, reach_ms
from watchkeeper.alerting.names import NAMES, severity
from watchkeeper.alerting.runbooks import runbook_url
from watchkeeper.alerting.symptoms import Spot, Symptom, Symptoms
from watchkeeper.schemas.alerts import Alert, fingerprint
from watchkeeper.schemas.monitors import Monitor

SERVICE = "watchkeeper"
LISTED = 10


class Telling(NamedTuple):
    """What is needed to put alerts into words, apart from their causes."""

    monitor: Monitor
    current: str | None
    faults: Faults
    at_ms: int
    runbooks: str


def firing_alert(cause: Cause, members: Symptoms, telling: Telling) -> Alert:
    """Put an alert into words as it stands now."""
    labels = labels_of(cause, telling.monitor)
    order = ranked(members, telling.current)
    return Alert(
        fingerprint=fingerprint(labels),
        status="firing",
        pages=labels["severity"] == "critical",
        labels=labels,
        annotations=_annotations(cause, order, telling),
        started_at=when(min(symptom.since_ms for symptom in members.values())),
        updated_at=when(telling.at_ms),
        evidence=as_data(order),
    )


def labels_of(cause: Cause, monitor: Monitor) -> dict[str, str]:
    """Return the labels: identity only, so that an alert stays the same one while its numbers change."""
    name = NAMES[cause.check]
    labels = {
        "alertname": name.alertname,
        "severity": "warning" if cause.shadow else severity(cause.check, monitor.owner),
        "team": monitor.owner.team,
        "service": SERVICE,
        "model" if monitor.model else "feature_view": monitor.subject,
        "kind": name.kind,
        "model_version": cause.version,
        "feature": cause.feature,
        "segment": cause.segment,
    }
    return {label: value for label, value in labels.items() if value}


def fault_in_words(fault: Fault) -> str:
    """Name a fault and its span.

    >>> fault_in_words(Fault("FeatureMissing", "temp", 0))
    'FeatureMissing of temp since 1970-01-01 00:00 UTC'
    """
    what = f"{fault.alertname} of {fault.feature}" if fault.feature else fault.alertname
    span = f"since {said(fault.started_ms)}"
    return f"{what} {span}" if fault.ended_ms is None else f"{what} {span} until {said(fault.ended_ms)}"


def resolved_alert(alert: Alert, until_ms: int, at_ms: int, why: str) -> Alert:
    """Close an alert; what it said last stays readable."""
    changes = {
        "status": "resolved",
        "annotations": alert.annotations | {"resolution": why},
        "updated_at": max(when(at_ms), alert.updated_at),
        "ended_at": when(until_ms),
    }
    return alert.model_copy(update=changes)


def _annotations(cause: Cause, order: list[tuple[Spot, Symptom]], telling: Telling) -> dict[str, str]:
    name, monitor = NAMES[cause.check], telling.monitor
    features = _unique(spot.feature for spot, _ in order)
    segments = _unique(spot.segment for spot, _ in order)
    likely = "; ".join(map(fault_in_words, _likely_faults(cause, order, telling)))
    annotations = {
        "summary": f"{name.title}: {_where(cause, monitor, features)}",
        "description": _description(cause, order, features, segments, likely),
        "action": name.action,
        "runbook_url": runbook_url(monitor, name.alertname, telling.runbooks),
        "dashboard_url": str(monitor.dashboard or ""),
        "evidence": in_words(order),
        "likely_cause": likely,
        "features": ", ".join(features),
        "segments": ", ".join(segments),
        "versions": ", ".join(sorted({spot.version for spot, _ in order})),
    }
    return {key: value for key, value in annotations.items() if value}


def _likely_faults(cause: Cause, order: list[tuple[Spot, Symptom]], telling: Telling) -> list[Fault]:
    """Bad performance is the fault of broken data, if data was broken while it was bad."""
    if cause.check != "performance":
        return []
    since_ms = min(symptom.since_ms for _, symptom in order)
    return telling.faults.within(since_ms - reach_ms(telling.monitor), telling.at_ms)


def _where(cause: Cause, monitor: Monitor, features: list[str]) -> str:
    what = cause.feature or (f"{len(features)} features" if len(features) > 1 else "".join(features))
    subject = f"{monitor.subject} {cause.version or ''}".strip()
    where = f"{what} of {subject}" if what else subject
    return f"{where}, only {cause.segment}" if cause.segment else where


def _description(
    cause: Cause, order: list[tuple[Spot, Symptom]], features: list[str], segments: list[str], likely: str
) -> str:
    sentences = [" ".join(_unique(finding.explanation for finding in order[0][1].findings))]
    if len(features) > 1:
        sentences.append(f"Features, the worst first: {_listed(features)}.")
    if segments and not cause.segment:
        sentences.append(f"Segments: {_listed(segments)}.")
    if cause.shadow:
        sentences.append("Only a version that another one has replaced shows it.")
    if likely:
        sentences.append(f"Likely cause: {likely}.")
    return " ".join(sentences)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _unique(names: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
