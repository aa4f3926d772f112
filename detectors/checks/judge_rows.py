"""Judges the rows of one closed window: its statistics, and its faults by their causes."""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from watchkeeper.detectors.checks.drift import moved
from watchkeeper.detectors.checks.drift.moved import Drift
from watchkeeper.detectors.checks.judge_labels import judge_labels
from watchkeeper.detectors.checks.judgement import Judgement, no_data
from watchkeeper.detectors.checks.quality import (
    category_renamed,
    duplicates,
    latency,
    missing,
    out_of_range,
    output,
    stuck,
    unit_change,
    unseen_category,
    wrong_type,
)
from watchkeeper.detectors.checks.quality.share_rise import is_rising
from watchkeeper.detectors.checks.reference import reference_rows
from watchkeeper.detectors.checks.rows_statistics import statistics_of_drift, statistics_of_rows
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.schemas.findings import EXPLAINED_BY, Check, Finding
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference

__all__ = ["Judgement", "judge_labels", "judge_rows"]


class FeatureCheck(NamedTuple):
    """A check of one feature."""

    find: Callable[[Case, str], Finding | None]
    """Returns the finding of a feature, if there is one."""
    applies: Callable[[Case], bool] = lambda _: True
    """Whether the check can be made in a window."""


class StreamCheck(NamedTuple):
    """A check of whole rows."""

    find: Callable[[Case], Finding | None]
    """Returns the finding of a window, if there is one."""
    applies: Callable[[Case], bool] = lambda _: True
    """Whether the check can be made in a window."""


def _has_past(case: Case) -> bool:
    return bool(case.pasts)


FEATURE_CHECKS: dict[Check, FeatureCheck] = {
    "unit_change": FeatureCheck(unit_change.check, unit_change.applies),
    "category_renamed": FeatureCheck(category_renamed.check, _has_past),
    "missing": FeatureCheck(missing.check),
    "wrong_type": FeatureCheck(wrong_type.check),
    "out_of_range": FeatureCheck(out_of_range.check),
    "unseen_category": FeatureCheck(unseen_category.check),
    "stuck": FeatureCheck(stuck.check, stuck.applies),
}
"""The checks of one feature, in order of precedence. Any fault of a feature explains its drift.
`EXPLAINED_BY` lists which faults explain which others."""
STREAM_CHECKS: dict[Check, StreamCheck] = {
    "latency": StreamCheck(latency.check, latency.applies),
    "duplicates": StreamCheck(duplicates.check),
}
"""The checks of whole rows."""
OUTPUT_RULES: dict[Check, StreamCheck] = {
    "prediction_missing": StreamCheck(output.missing, output.applies),
    "prediction_wrong_type": StreamCheck(output.wrong_type, output.applies),
    "prediction_out_of_range": StreamCheck(output.out_of_range, output.applies),
    "prediction_stuck": StreamCheck(output.constant, output.varied),
}
"""The checks of the model's output. Any of them explains its drift."""


def judge_rows(
    monitor: Monitor,
    layout: Layout,
    reference: Reference | None,
    window: RowsProfile,
    recent: RowsProfile | None,
    segment: str | None,
    moved_features: Container[str] | None = None,
) -> Judgement:
    """Judge the rows of one window against the recent windows (abrupt faults) and the reference (drift).

    Args:
        monitor: The monitor.
        layout: The layout of the window.
        reference: The reference, if there is one.
        window: The rows of the window.
        recent: The rows of the recent windows, if there are any. If they are made of sealed spans, they show
            how windows vary, which the check of stuck values needs.
        segment: The segment that the rows belong to; None: all rows.
        moved_features: The features whose change the engine is sure of; only these can drift. None: the
            engine does not watch these rows.

    Returns:
        The statistics, the findings and the checks that were made.

    Raises:
        ValueError: The window has another layout.
    """
    if window.layout.id != layout.id:
        raise ValueError(f"the window has layout {window.layout.id}, the monitor {layout.id}")
    case = Case(monitor, window, reference_rows(reference, segment), recent, segment, moved_features)
    drifts = {feature: moved.of_feature(window, case.reference, feature) for feature in monitor.features}
    prediction = moved.of_output(window, case.reference)
    checked = [check for check, rule in STREAM_CHECKS.items() if rule.applies(case)]
    checked += [check for check, rule in OUTPUT_RULES.items() if rule.applies(case)]
    checked += [check for check, rule in FEATURE_CHECKS.items() if rule.applies(case)]
    if monitor.reference is not None or reference is not None:
        checked += ["prediction_drift", "drift"] if monitor.model else ["drift"]
    return Judgement(
        statistics=[*statistics_of_rows(case), *statistics_of_drift(drifts, prediction)],
        findings=_findings(case, checked, drifts, prediction),
        checked=checked,
        rising=is_rising(case) or duplicates.is_rising(case) or latency.is_rising(case),
    )


def _findings(
    case: Case, checked: list[Check], drifts: Mapping[str, Drift | None], prediction: Drift | None
) -> list[Finding]:
    findings = [STREAM_CHECKS[check].find(case) for check in checked if check in STREAM_CHECKS]
    if case.window.rows < SHARE_ROWS_MIN:
        few = f"{case.where}{case.window.rows} rows are too few to judge; {SHARE_ROWS_MIN} are needed."
        findings += [no_data(check, few, case.segment) for check in checked]
    else:
        findings += [
            finding
            for feature, drift in drifts.items()
            for finding in _of_feature(case, checked, feature, drift)
        ]
        findings += _of_output(case, checked)
        findings += _of_reference(case, checked, drifts, prediction)
    return [finding for finding in findings if finding is not None]


def _of_output(case: Case, checked: Container[Check]) -> list[Finding]:
    """Find the unexplained faults of the output."""
    found = [rule.find(case) for check, rule in OUTPUT_RULES.items() if check in checked]
    faults = {fault.check: fault for fault in found if fault is not None}
    return [
        fault for check, fault in faults.items() if not EXPLAINED_BY.get(check, frozenset()) & set(faults)
    ]


def _of_feature(case: Case, checked: list[Check], feature: str, drift: Drift | None) -> list[Finding]:
    """Find the unexplained faults of a feature or, without any fault, its drift."""
    drifted = moved.judge(case, "drift", feature, drift) if drift is not None else None
    faults = faults_of(case, feature, checked, also=["drift"] if drifted is not None else [])
    return faults or ([drifted] if drifted is not None else [])


def faults_of(
    case: Case, feature: str, checked: Container[Check] | None = None, also: Iterable[Check] = ()
) -> list[Finding]:
    """Find the faults of a feature, without those that another fault explains.

    Args:
        case: The window case.
        feature: The feature.
        checked: The checks to make; None: all that apply.
        also: Further checks whose findings the faults explain.

    Returns:
        The findings in order of precedence. The evidence of the first lists what the faults explain.
    """
    rules = {check: rule for check, rule in FEATURE_CHECKS.items() if checked is None or check in checked}
    found = [rule.find(case, feature) for rule in rules.values() if checked is not None or rule.applies(case)]
    faults = [fault for fault in found if fault is not None]
    if not faults:
        return []
    found_of = {fault.check for fault in faults}
    explained = {check for check in found_of if EXPLAINED_BY.get(check, frozenset()) & found_of}
    left = [fault for fault in faults if fault.check not in explained]
    explains = [*(fault.check for fault in faults if fault.check in explained), *also]
    return [replace(left[0], evidence={**left[0].evidence, "explains": explains}), *left[1:]]


def _of_reference(
    case: Case, checked: list[Check], drifts: Mapping[str, Drift | None], prediction: Drift | None
) -> list[Finding | None]:
    """Find drift of the output. Without a usable reference, return findings of no data."""
    findings: list[Finding | None] = []
    lacks = f"{case.where}there is no reference with the same bins and enough rows to compare with."
    if "drift" in checked and not any(drifts.values()):
        findings.append(no_data("drift", lacks, case.segment))
    if "prediction_drift" in checked:
        findings.append(
            moved.judge(case, "prediction_drift", None, prediction)
            if prediction is not None
            else no_data("prediction_drift", lacks, case.segment)
        )
    return findings
