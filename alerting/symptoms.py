"""The state of each check, by feature, segment and version, that is bad or was bad recently.

A check that another one explains is not counted: a feature in another unit is also out of range, and drifts.
That is one fault, not three. When the explanation ends, counting starts at zero, so that nothing that the
fault left behind can fire or stay.
"""

from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple, get_args

from msgspec import Struct

from watchkeeper.alerting.policy import Standing, judge, policy_of
from watchkeeper.schemas.findings import EXPLAINED_BY, Check, Finding, Kind, State, WindowFindings
from watchkeeper.schemas.monitors import Sensitivity

EXPLAINED_MAX = 100
"""Most symptoms of one check in one window whose findings are kept.

Chosen by hand: it bounds the checkpoint's size when many features and segments are bad at once.
"""
CHECKS: tuple[Check, ...] = get_args(Check)
"""All checks, in the order in which an earlier one explains a later one."""


class Spot(NamedTuple):
    """Where a check was made."""

    kind: Kind
    """The kind of window."""
    version: str
    """The version of the model; empty for a feature view."""
    check: Check
    """The check."""
    feature: str | None
    """The feature; None for the subject itself."""
    segment: str | None
    """The segment, `dimension=value`; None for all rows."""
    series: str = ""
    """Distinguishes two series of windows of labels: `cohort` for those by the time of the predictions."""


class Symptom(Struct):
    """The state of one spot that fires, or was bad in the last window."""

    standing: Standing
    """Consecutive bad and good windows, and whether it fires."""
    since_ms: int
    """The start of the first of the consecutive bad windows, in ms since 1970."""
    until_ms: int
    """The end of the last bad window, in ms since 1970."""
    rows: int = 0
    """Rows (or labels) of the last bad window."""
    findings: list[Finding] = []
    """Findings of the last bad window in which it was among the worst `EXPLAINED_MAX`."""


Symptoms = dict[Spot, Symptom]
"""All symptoms of one subject."""


def observe(
    symptoms: Symptoms, window: WindowFindings, sensitivity: Sensitivity, faults: Set[Check] = frozenset()
) -> None:
    """Update the symptoms with one window.

    Args:
        symptoms: The symptoms of the subject, which are updated.
        window: The findings of the window.
        sensitivity: The `sensitivity` of the monitor.
        faults: The faults of the data that were known at the end of a window of labels. They explain its
            checks: what windows of predictions have made known since depends on chance.
    """
    found = _by_spot(window)
    spots = sorted({*found, *(spot for spot in symptoms if _is_of(spot, window))}, key=_order)
    for check in CHECKS:
        if window.kind == "labels":
            explained: set[str | None] = {None} if EXPLAINED_BY.get(check, frozenset()) & faults else set()
        else:
            explained = explained_features(symptoms, window.version, check)
        for spot in spots:
            if spot.check == check and spot.feature in explained:
                symptoms.pop(spot, None)
            elif spot.check == check:
                _update(symptoms, spot, _state(spot, window, found, symptoms), window, sensitivity)
        _keep_worst(symptoms, {spot: found[spot] for spot in spots if spot.check == check and spot in found})


def explained_features(symptoms: Mapping[Spot, Symptom], version: str, check: Check) -> set[str | None]:
    """Return the features for which another active check explains this one.

    Args:
        symptoms: All symptoms of the subject.
        version: The version of the model.
        check: The check that may be explained.

    Returns:
        The features, with None for the subject itself.
    """
    causes = EXPLAINED_BY.get(check, frozenset())
    active = {
        spot.feature
        for spot, symptom in symptoms.items()
        if spot.check in causes and spot.version == version and symptom.standing.active
    }
    # The output of a model moves when any of its inputs is broken.
    return {None} if active and check == "prediction_drift" else active


def effect(findings: Iterable[Finding]) -> float:
    """Return by which factor the worst finding exceeds its threshold; without a threshold, its value.

    Args:
        findings: The findings of one symptom.

    >>> effect([Finding("drift", "bad", "", value=0.6, threshold=0.2)])
    3.0
    """
    return max((_effect(finding) for finding in findings), default=0.0)


def _keep_worst(symptoms: Symptoms, found: Mapping[Spot, list[Finding]]) -> None:
    """Keep the findings of the worst symptoms, all rows first. Of the others keep only the state."""
    bad = {spot: [each for each in findings if each.state == "bad"] for spot, findings in found.items()}
    worst = sorted(bad, key=lambda spot: (spot.segment is not None, -effect(bad[spot]), _order(spot)))
    for spot in worst[:EXPLAINED_MAX]:
        if spot in symptoms and bad[spot]:
            symptoms[spot].findings = bad[spot]


def _by_spot(window: WindowFindings) -> dict[Spot, list[Finding]]:
    found: dict[Spot, list[Finding]] = {}
    for finding in window.findings:
        spot = Spot(
            window.kind, window.version, finding.check, finding.feature, finding.segment, _series(window)
        )
        found.setdefault(spot, []).append(finding)
    return found


def _is_of(spot: Spot, window: WindowFindings) -> bool:
    return (spot.kind, spot.version, spot.series) == (window.kind, window.version, _series(window))


def _series(window: WindowFindings) -> str:
    return "cohort" if window.kind == "labels" and "performance" not in window.checked else ""


def _order(spot: Spot) -> tuple[str, str]:
    return spot.feature or "", spot.segment or ""


def _state(
    spot: Spot, window: WindowFindings, found: Mapping[Spot, list[Finding]], symptoms: Symptoms
) -> State:
    findings = found.get(spot, [])
    if any(finding.state == "bad" for finding in findings):
        return "bad"
    before = symptoms[spot].findings if spot in symptoms else []
    if spot.check not in window.checked or is_unknown(findings, before) or _lacks_data(spot, found):
        return "no_data"
    return "ok"


def is_unknown(missing: Iterable[Finding], before: Iterable[Finding]) -> bool:
    """Return whether something that was bad before could not be judged now.

    Performance has several metrics: one that can never be measured must not keep an alert on another open.

    Args:
        missing: The findings with "no data" of this window.
        before: The findings of the last bad window.

    >>> auroc, f1 = (Finding("performance", "no_data", "", evidence={"metric": m}) for m in ("auroc", "f1"))
    >>> is_unknown([f1], before=[auroc]), is_unknown([f1, auroc], before=[auroc])
    (False, True)
    """
    metrics = {finding.evidence.get("metric") for finding in missing}
    return None in metrics or bool(metrics & {finding.evidence.get("metric") for finding in before})


def _lacks_data(spot: Spot, found: Mapping[Spot, Iterable[Finding]]) -> bool:
    """Return whether all features or all rows have "no data", and so this spot."""
    all_features, all_rows = spot._replace(feature=None), spot._replace(segment=None)
    wider = {all_features, all_rows, all_features._replace(segment=None)} - {spot}
    return any(finding.state == "no_data" for whole in wider for finding in found.get(whole, ()))


def _update(
    symptoms: Symptoms, spot: Spot, state: State, window: WindowFindings, sensitivity: Sensitivity
) -> None:
    symptom = symptoms.get(spot) or Symptom(Standing(), window.window_start_ms, window.window_end_ms)
    judge(policy_of(sensitivity, spot.check), symptom.standing, state)
    if state == "bad":
        symptom.until_ms, symptom.rows = window.window_end_ms, window.rows
    if symptom.standing.active:
        symptoms[spot] = symptom
    else:
        symptoms.pop(spot, None)


def _effect(finding: Finding) -> float:
    if finding.value is None:
        return 0.0
    return abs(finding.value / finding.threshold) if finding.threshold else abs(finding.value)
