"""Judges the labels of one closed window: is the model worse than it was, beyond tolerance and chance."""

from math import hypot
from typing import NamedTuple

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.judged import Judgement, no_data
from watchkeeper.detectors.checks.labels_statistics import statistics_of_labels
from watchkeeper.detectors.checks.performance import Estimate, Z, measure
from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.reference import reference_labels
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Finding
from watchkeeper.schemas.monitors import Labels, Metric, Monitor, Tolerance
from watchkeeper.schemas.references import Reference

_HIGHER_IS_BETTER = frozenset({"auroc", "accuracy", "f1"})
_WORSE_BY: dict[Metric, float] = {
    "auroc": 0.05, "log_loss": 0.05, "accuracy": 0.05, "f1": 0.05, "brier": 0.02, "ece": 0.05,
}  # fmt: skip
# Errors of a regression have units, so their tolerance is a part of the reference's own.
_PART_OF: dict[Metric, tuple[Metric, float]] = {
    "mae": ("mae", 0.2),
    "rmse": ("rmse", 0.2),
    "bias": ("rmse", 0.2),
}
_DEFAULT: dict[str, tuple[Metric, ...]] = {
    "binary-classification": ("auroc", "log_loss"),
    "regression": ("mae", "rmse"),
}


class MetricLimit(NamedTuple):
    """How far a metric may go, how sure that limit itself is, and where it comes from."""

    value: float
    error: float
    is_least: bool
    why: str

    def is_passed(self, now: Estimate) -> bool:
        """Whether the metric is beyond the limit with 99.9 %."""
        margin = Z * hypot(now.error, self.error)
        if self.is_least:
            return now.value + margin < self.value
        return now.value - now.inflation - margin > self.value


def judge_labels(
    monitor: Monitor, layout: Layout, reference: Reference | None, window: LabelsProfile, segment: str | None
) -> Judgement:
    """Judge the labels that came in one window against the reference's own, and against fixed limits."""
    if window.layout.id != layout.id:
        raise ValueError(f"the window has layout {window.layout.id}, the monitor {layout.id}")
    statistics = statistics_of_labels(window)
    if monitor.labels is None or monitor.task is None:
        return Judgement(statistics, [], [])
    findings = [_late(monitor.labels, window, segment)]
    if window.labels < monitor.labels.min_labels:
        few = f"{window.labels} labels came; {monitor.labels.min_labels} are needed to judge performance."
        findings.append(no_data("performance", few, segment))
    else:
        findings += _performance(
            monitor.labels, monitor.task, window, reference_labels(reference, segment), segment
        )
    return Judgement(
        statistics, [each for each in findings if each is not None], ["performance", "labels_late"]
    )


def _late(labels: Labels, window: LabelsProfile, segment: str | None) -> Finding | None:
    lag_ms, expected_ms = window.lag_quantile_ms(0.5), milliseconds(labels.expected_within)
    if lag_ms is None or lag_ms <= expected_ms:
        return None
    lag_hours, expected_hours = lag_ms / 3.6e6, expected_ms / 3.6e6
    return Finding(
        check="labels_late",
        state="bad",
        explanation=(
            f"Half of {window.labels} labels came {wording.number(lag_hours)} h or more after their "
            f"predictions; {wording.number(expected_hours)} h are expected."
        ),
        value=lag_hours,
        threshold=expected_hours,
        segment=segment,
        evidence={f"lag_p{p}_ms": window.lag_quantile_ms(p / 100) for p in (50, 95, 99)},
    )


def _performance(
    labels: Labels, task: str, window: LabelsProfile, then: LabelsProfile | None, segment: str | None
) -> list[Finding | None]:
    now, before = measure(window), measure(then) if then is not None else {}
    wanted = labels.metrics or {name: Tolerance() for name in _DEFAULT[task]}
    findings: list[Finding | None] = []
    for name, tolerance in wanted.items():
        limits = _limits(name, tolerance, before)
        if name not in now:
            findings.append(no_data("performance", f"The labels do not allow {name}.", segment))
        elif not limits:
            without = f"There is no reference with labels to compare {name} with."
            findings.append(no_data("performance", without, segment))
        else:
            findings.append(_worse(name, now[name], limits, window, segment))
    return findings


def _limits(name: Metric, tolerance: Tolerance, before: dict[Metric, Estimate]) -> list[MetricLimit]:
    """List what the metric must keep to; without any bound in the monitor, the default tolerance."""
    limits = []
    if tolerance.at_least is not None:
        limits.append(MetricLimit(tolerance.at_least, 0.0, True, "is the least allowed"))
    if tolerance.at_most is not None:
        limits.append(MetricLimit(tolerance.at_most, 0.0, False, "is the most allowed"))
    worse_by = tolerance.worse_by
    if name not in before or (worse_by is None and limits):
        return limits
    then = before[name]
    if worse_by is None:
        worse_by = _default_worse_by(name, before)
    why = f"is allowed: the reference has {wording.number(then.value)}"
    if name in _HIGHER_IS_BETTER or name == "bias":
        limits.append(MetricLimit(then.value - worse_by, then.error, True, why))
    if name not in _HIGHER_IS_BETTER:
        limits.append(MetricLimit(then.value + worse_by, then.error, False, why))
    return limits


def _default_worse_by(name: Metric, before: dict[Metric, Estimate]) -> float:
    return _WORSE_BY[name] if name in _WORSE_BY else _PART_OF[name][1] * before[_PART_OF[name][0]].value


def _worse(
    name: Metric, now: Estimate, limits: list[MetricLimit], window: LabelsProfile, segment: str | None
) -> Finding | None:
    passed = next((limit for limit in limits if limit.is_passed(now)), None)
    if passed is None:
        return None
    bounds = f"{wording.number(now.lower)} to {wording.number(now.upper)}"
    where = f"In {segment}, " if segment else ""
    return Finding(
        check="performance",
        state="bad",
        explanation=(
            f"{where}{name} is {wording.number(now.value)} ({bounds}) on {window.labels} labels, "
            f"where {wording.number(passed.value)} {passed.why}."
        ),
        value=now.value,
        threshold=passed.value,
        segment=segment,
        evidence={"metric": name, "labels": window.labels, "lower": now.lower, "upper": now.upper},
    )
