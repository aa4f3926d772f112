"""Judges the labels of one closed window: whether the model is significantly worse than allowed."""

from math import hypot
from typing import Any, NamedTuple

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.judgement import Judgement, no_data
from watchkeeper.detectors.checks.labels_statistics import statistics_of_labels
from watchkeeper.detectors.checks.reference import reference_labels
from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.tasks import Task, task_of
from watchkeeper.detectors.tasks.base import Measured
from watchkeeper.detectors.tasks.estimates import Estimate, Z
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Finding
from watchkeeper.schemas.monitors import Labels, Monitor, Tolerance
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.tasks import Metric


class MetricLimit(NamedTuple):
    """A limit of one metric."""

    value: float
    """The limit, in the metric's unit."""
    error: float
    """The standard error of the limit; 0 for a fixed limit."""
    is_least: bool
    """Whether the limit is the least allowed value; otherwise it is the greatest."""
    sentence: str
    """The limit in words, for the end of an explanation."""

    def is_passed(self, now: Estimate) -> bool:
        """Whether the metric is beyond the limit with 99.9 % confidence.

        Args:
            now: The metric in the window.
        """
        margin = Z * hypot(now.error, self.error)
        if self.is_least:
            return now.value + margin < self.value
        return now.value - now.inflation - margin > self.value


def judge_labels(
    monitor: Monitor, layout: Layout, reference: Reference | None, window: LabelsProfile, segment: str | None
) -> Judgement:
    """Judge the labels of one window against the reference's labels and against fixed limits.

    Args:
        monitor: The monitor. If it declares no labels, there are statistics only.
        layout: The layout of the window.
        reference: The reference; None: there are fixed limits only.
        window: The labels of the window.
        segment: The segment that the labels belong to; None: all rows.

    Returns:
        The statistics, the findings and the checks that were made.

    Raises:
        ValueError: The window has another layout.
    """
    if window.layout.id != layout.id:
        raise ValueError(f"the window has layout {window.layout.id}, the monitor {layout.id}")
    statistics = statistics_of_labels(window)
    if monitor.labels is None or monitor.task is None:
        return Judgement(statistics, [], [])
    findings = [_late(monitor.labels, window, segment)]
    if window.labels < monitor.labels.min_labels:
        few = f"{window.labels} labels arrived; {monitor.labels.min_labels} are needed to judge performance."
        findings.append(no_data("performance", few, segment))
    else:
        task, before = task_of(monitor.task), reference_labels(reference, segment)
        findings += _performance(monitor.labels, task, window, before, segment)
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
            f"Half of {window.labels} labels arrived {wording.number(lag_hours)} h or more after their "
            f"predictions; the limit is {wording.number(expected_hours)} h."
        ),
        value=lag_hours,
        threshold=expected_hours,
        segment=segment,
        evidence={f"lag_p{p}_ms": window.lag_quantile_ms(p / 100) for p in (50, 95, 99)},
    )


def _performance(
    labels: Labels, task: Task[Any], window: LabelsProfile, then: LabelsProfile | None, segment: str | None
) -> list[Finding | None]:
    # A reference, or labels that were counted before a change, may be of another task: they have no metrics.
    now, before = (task.measure(each) if isinstance(each, task.profile) else {} for each in (window, then))
    wanted = labels.metrics or {name: Tolerance() for name in task.judged}
    findings: list[Finding | None] = []
    for name, tolerance in wanted.items():
        limits = _limits(task.metrics[name], name, tolerance, before)
        if name not in now:
            findings.append(
                no_data("performance", f"{name} cannot be computed from the labels of this window.", segment)
            )
        elif not limits:
            without = f"There is no reference with labels to compare {name} with."
            findings.append(no_data("performance", without, segment))
        else:
            findings.append(_worse(name, now[name], limits, window, segment))
    return findings


def _limits(
    metric: Measured, name: Metric, tolerance: Tolerance, before: dict[Metric, Estimate]
) -> list[MetricLimit]:
    """Return the limits of a metric; if the monitor sets none, that of the task's default tolerance."""
    limits = []
    if tolerance.at_least is not None:
        least = f"at least {wording.number(tolerance.at_least)} is required"
        limits.append(MetricLimit(tolerance.at_least, 0.0, True, least))
    if tolerance.at_most is not None:
        most = f"at most {wording.number(tolerance.at_most)} is allowed"
        limits.append(MetricLimit(tolerance.at_most, 0.0, False, most))
    worse_by = tolerance.worse_by
    if name not in before or (worse_by is None and limits):
        return limits
    then = before[name]
    if worse_by is None:
        worse_by = metric.worse_by * (1 if metric.share_of is None else before[metric.share_of].value)
    if metric.better in ("higher", "zero"):
        limits.append(_relative(then, -worse_by, is_least=True))
    if metric.better in ("lower", "zero"):
        limits.append(_relative(then, worse_by, is_least=False))
    return limits


def _relative(then: Estimate, by: float, is_least: bool) -> MetricLimit:
    """Return the limit at a signed distance from the reference's value."""
    value = then.value + by
    sentence = f"the limit is {wording.number(value)}, because the reference has {wording.number(then.value)}"
    return MetricLimit(value, then.error, is_least, sentence)


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
            f"{where}{name} is {wording.number(now.value)} ({bounds}) on {window.labels} labels; "
            f"{passed.sentence}."
        ),
        value=now.value,
        threshold=passed.value,
        segment=segment,
        evidence={"metric": name, "labels": window.labels, "lower": now.lower, "upper": now.upper},
    )
