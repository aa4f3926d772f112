"""The words of an alert. Labels identify it, annotations describe it."""

import shlex
from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper.alerting.causes import Cause
from watchkeeper.alerting.evidence import as_data, in_words, ranked, readable_time, utc
from watchkeeper.alerting.faults import DataFault, FaultHistory, label_wait_ms
from watchkeeper.alerting.names import MODEL, NAMES, severity
from watchkeeper.alerting.runbooks import runbook_url
from watchkeeper.alerting.symptoms import Spot, Symptom, Symptoms
from watchkeeper.schemas.alerts import Alert, fingerprint
from watchkeeper.schemas.monitors import Monitor

SERVICE = "watchkeeper"
"""The label `service` of every alert."""
LISTED_MAX = 10
"""Most features or segments that a description lists. Chosen by hand, to keep it short."""


class AlertContext(NamedTuple):
    """Everything that the words of an alert need, apart from its cause and symptoms."""

    monitor: Monitor
    """The monitor of the subject."""
    current: str | None
    """The version that answers for the model."""
    faults: FaultHistory
    """The data faults that were known at `at_ms`."""
    at_ms: int
    """The end of the window, in ms since 1970."""
    runbooks: str
    """The folder of the runbooks, for monitors that name none."""


def firing_alert(cause: Cause, members: Symptoms, context: AlertContext) -> Alert:
    """Return the alert of a cause in its current state.

    Args:
        cause: What the alert is about.
        members: The symptoms of the cause.
        context: The monitor, the faults and the time.
    """
    labels = labels_of(cause, context.monitor)
    order = ranked(members, context.current)
    return Alert(
        fingerprint=fingerprint(labels),
        status="firing",
        pages=labels["severity"] == "critical",
        labels=labels,
        annotations=_annotations(cause, order, context),
        started_at=utc(min(symptom.since_ms for symptom in members.values())),
        updated_at=utc(context.at_ms),
        evidence=as_data(order),
    )


def labels_of(cause: Cause, monitor: Monitor) -> dict[str, str]:
    """Return the labels of an alert: only its identity, so that it stays the same alert while numbers change.

    Args:
        cause: What the alert is about.
        monitor: The monitor of the subject.
    """
    name = NAMES[cause.check]
    labels = {
        "alertname": name.alertname,
        "severity": "warning" if cause.shadow else severity(cause.check, monitor.owner),
        "team": monitor.owner.team,
        "service": SERVICE,
        "model" if monitor.model else "feature_view": monitor.name,
        "environment": monitor.environment,
        "kind": name.kind,
        "model_version": cause.version,
        "feature": cause.feature,
        "segment": cause.segment,
    }
    return {label: value for label, value in labels.items() if value}


def fault_in_words(fault: DataFault) -> str:
    """Return the name and span of a fault.

    Args:
        fault: The fault.

    >>> fault_in_words(DataFault("FeatureMissing", "temp", 0))
    'FeatureMissing of temp since 1970-01-01 00:00 UTC'
    """
    what = f"{fault.alertname} of {fault.feature}" if fault.feature else fault.alertname
    span = f"since {readable_time(fault.started_ms)}"
    return (
        f"{what} {span}" if fault.ended_ms is None else f"{what} {span} until {readable_time(fault.ended_ms)}"
    )


def resolved_alert(alert: Alert, until_ms: int, at_ms: int, why: str) -> Alert:
    """Return an alert as resolved, with its last description.

    Args:
        alert: The alert as it was published last.
        until_ms: The end of the last bad window, in ms since 1970.
        at_ms: The end of the window that resolved it, in ms since 1970.
        why: One sentence for on-call: why it is over.
    """
    changes = {
        "status": "resolved",
        "annotations": alert.annotations | {"resolution": why},
        "updated_at": max(utc(at_ms), alert.updated_at),
        "ended_at": utc(until_ms),
    }
    return alert.model_copy(update=changes)


def _annotations(cause: Cause, order: list[tuple[Spot, Symptom]], context: AlertContext) -> dict[str, str]:
    name, monitor = NAMES[cause.check], context.monitor
    features = _unique(spot.feature for spot, _ in order)
    segments = _unique(spot.segment for spot, _ in order)
    likely = "; ".join(map(fault_in_words, _likely_faults(cause, order, context)))
    annotations = {
        "summary": f"{name.title}: {_where(cause, monitor, features)}",
        "description": _description(cause, order, features, segments, likely),
        "action": name.action.replace(MODEL, shlex.quote(monitor.subject)),
        "runbook_url": runbook_url(monitor, name.alertname, context.runbooks),
        "dashboard_url": str(monitor.dashboard or ""),
        "evidence": in_words(order),
        "likely_cause": likely,
        "features": ", ".join(features),
        "segments": ", ".join(segments),
        "versions": ", ".join(sorted({spot.version for spot, _ in order})),
    }
    return {key: value for key, value in annotations.items() if value}


def _likely_faults(cause: Cause, order: list[tuple[Spot, Symptom]], context: AlertContext) -> list[DataFault]:
    """Return the data faults that were active while performance was bad: they are the likely cause."""
    if cause.check != "performance":
        return []
    since_ms = min(symptom.since_ms for _, symptom in order)
    return context.faults.within(since_ms - label_wait_ms(context.monitor), context.at_ms)


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
        sentences.append(f"Features, worst first: {_listed(features)}.")
    if segments and not cause.segment:
        sentences.append(f"Segments: {_listed(segments)}.")
    if cause.shadow:
        sentences.append("Only a replaced version shows the fault.")
    if likely:
        sentences.append(f"Likely cause: {likely}.")
    return " ".join(sentences)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED_MAX} more" if len(names) > LISTED_MAX else ""
    return ", ".join(names[:LISTED_MAX]) + more


def _unique(names: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
