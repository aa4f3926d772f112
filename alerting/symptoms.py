"""What is wrong where: the standing of each check of each feature, segment and version that is or was bad.

A check that another one explains is not counted: a feature in another unit is out of range and drifts too,
and that is one fault, not three. Once the explanation is gone the counting starts anew, so nothing that the
fault left behind can fire or stay.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, get_args

from msgspec import Struct

from watchkeeper.alerting.policy import Standing, judge, policy_of
from watchkeeper.schemas.findings import EXPLAINED_BY, Check, Finding, Kind, State, WindowFindings
from watchkeeper.schemas.monitors import Sensitivity

EXPLAINED_MOST = 100
"""Symptoms of one check in one window whose findings are kept, so that a flood of them stays small."""
CHECKS: tuple[Check, ...] = get_args(Check)


class Spot(NamedTuple):
    """Where a check was made."""

    kind: Kind
    version: str
    check: Check
    feature: str | None
    segment: str | None
    series: str = ""
    """Tells windows of a kind apart: labels are judged as they come and by the predictions they are for."""


class Symptom(Struct):
    """One spot that is firing or may be about to."""

    standing: Standing
    since_ms: int
    """The start of the first bad window in a row."""
    until_ms: int
    """The end of the last bad window."""
    rows: int = 0
    findings: list[Finding] = []
    """Of the last bad window in which it was among the worst."""


Symptoms = dict[Spot, Symptom]


def observe(symptoms: Symptoms, window: WindowFindings, sensitivity: Sensitivity) -> None:
    """Take in one window: what is bad begins or goes on, what is ok comes nearer to its end."""
    found = _by_spot(window)
    spots = sorted({*found, *(spot for spot in symptoms if _is_of(spot, window))}, key=_order)
    for check in CHECKS:
        explained = explained_features(symptoms, window.version, check)
        for spot in spots:
            if spot.check == check and spot.feature in explained:
                symptoms.pop(spot, None)
            elif spot.check == check:
                _feel(symptoms, spot, _state(spot, window, found, symptoms), window, sensitivity)
        _keep_worst(symptoms, {spot: found[spot] for spot in spots if spot.check == check and spot in found})


def explained_features(symptoms: Mapping[Spot, Symptom], version: str, check: Check) -> set[str | None]:
    """Return the features of which this check needs no alert of its own, None being the subject itself."""
    causes = EXPLAINED_BY.get(check, frozenset())
    active = {
        spot.feature
        for spot, symptom in symptoms.items()
        if spot.check in causes and spot.version == version and symptom.standing.active
    }
    # The output of a model moves when any of its inputs is broken.
    return {None} if active and check == "prediction_drift" else active


def effect(findings: Iterable[Finding]) -> float:
    """Say how far past its threshold the worst finding is; without a threshold, its value.

    >>> effect([Finding("drift", "bad", "", value=0.6, threshold=0.2)])
    3.0
    """
    return max((_effect(finding) for finding in findings), default=0.0)


def _keep_worst(symptoms: Symptoms, found: Mapping[Spot, list[Finding]]) -> None:
    """Keep the findings of the worst symptoms, all rows first; of the rest only how they stand."""
    bad = {spot: [each for each in findings if each.state == "bad"] for spot, findings in found.items()}
    worst = sorted(bad, key=lambda spot: (spot.segment is not None, -effect(bad[spot]), _order(spot)))
    for spot in worst[:EXPLAINED_MOST]:
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
    """Whether something that was bad before could not be judged now.

    Performance is several metrics: one that can never be measured must not hold an alert on another open.

    >>> auroc, f1 = (Finding("performance", "no_data", "", evidence={"metric": m}) for m in ("auroc", "f1"))
    >>> is_unknown([f1], before=[auroc]), is_unknown([f1, auroc], before=[auroc])
    (False, True)
    """
    metrics = {finding.evidence.get("metric") for finding in missing}
    return None in metrics or bool(metrics & {finding.evidence.get("metric") for finding in before})


def _lacks_data(spot: Spot, found: Mapping[Spot, Iterable[Finding]]) -> bool:
    """Whether "no data" was found for all features or all rows, and so for this spot."""
    all_features, all_rows = spot._replace(feature=None), spot._replace(segment=None)
    wider = {all_features, all_rows, all_features._replace(segment=None)} - {spot}
    return any(finding.state == "no_data" for whole in wider for finding in found.get(whole, ()))


def _feel(
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
