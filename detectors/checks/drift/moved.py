"""Measures how far a feature or the output moved from the reference, and decides whether it drifted."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.drift import evidence
from watchkeeper.detectors.checks.drift.bin_values import bin_values
from watchkeeper.detectors.checks.drift.chi_squared import chi_squared_of
from watchkeeper.detectors.checks.drift.hellinger import hellinger_distance
from watchkeeper.detectors.checks.drift.jensen_shannon import jensen_shannon_distance
from watchkeeper.detectors.checks.drift.kolmogorov_smirnov import kolmogorov_smirnov
from watchkeeper.detectors.checks.drift.measure import LEVEL, Measure
from watchkeeper.detectors.checks.drift.pair import Pair
from watchkeeper.detectors.checks.drift.psi import psi_of
from watchkeeper.detectors.checks.drift.total_variation import total_variation_distance
from watchkeeper.detectors.checks.drift.wasserstein import wasserstein, wasserstein_distance
from watchkeeper.detectors.checks.window_case import Case, category_of, number_of
from watchkeeper.detectors.profiles.layout import OUTPUT
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.spans import DriftRange
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary
from watchkeeper.detectors.tasks import task_of
from watchkeeper.schemas.findings import Check, Finding

_MARGIN = 1.25
"""How far a window may be from the reference, in distances of the furthest healthy window. Chosen by hand: a
larger margin gives fewer false findings and hides smaller drift."""


@dataclass(frozen=True)
class NumberDrift:
    """How far a number moved, by every measure."""

    now: NumberSummary
    """The number in the window."""
    then: NumberSummary
    """The number in the reference."""
    psi: Measure
    """The population stability index."""
    distances: dict[str, float]
    """Further distances, by their names among the statistics of a window."""
    test: Measure
    """The Kolmogorov-Smirnov test."""

    @property
    def p_value(self) -> float | None:
        """Give the p-value of PSI, because Kolmogorov-Smirnov on bins is conservative."""
        return self.psi.p_value

    def is_beyond(self, ordinary: DriftRange) -> bool:
        """Whether the mean lies outside those of all windows of the reference, by a quarter of their range.

        Args:
            ordinary: The extremes of the reference's windows.
        """
        slack = (_MARGIN - 1) * (ordinary.mean_max - ordinary.mean_min)
        return not ordinary.mean_min - slack <= self.now.mean <= ordinary.mean_max + slack

    @property
    def sentence(self) -> str:
        """Describe the change in a few words."""
        before, after = self.then, self.now
        return (
            f"its mean went from {wording.number(before.mean)} to {wording.number(after.mean)}, its standard "
            f"deviation from {wording.number(before.sd)} to {wording.number(after.sd)}"
        )

    @property
    def evidence(self) -> dict[str, Any]:
        """Give moments, quantiles, the bins that moved most, and the distance in the feature's unit."""
        moved = wasserstein(self.then.bins, self.now.bins, bin_values(self.then))
        return {
            **evidence.of_numbers(self.now, self.then),
            "ks": wording.tidy(self.test.statistic),
            "wasserstein_interval": _interval(moved) if moved is not None else None,
        }


@dataclass(frozen=True)
class CategoryDrift:
    """How far the shares of categories moved, by every measure."""

    now: CategorySummary
    """The categories in the window."""
    then: CategorySummary
    """The categories in the reference."""
    psi: Measure
    """The population stability index."""
    distances: dict[str, float]
    """Further distances, by their names among the statistics of a window."""
    test: Measure
    """The chi-squared test."""

    @property
    def p_value(self) -> float | None:
        """Give the p-value of chi-squared."""
        return self.test.p_value

    def is_beyond(self, ordinary: DriftRange) -> bool:
        """Return False: categories have no mean, and PSI covers all of them.

        Args:
            ordinary: The extremes of the reference's windows; not used.
        """
        return False

    @property
    def sentence(self) -> str:
        """Describe the change in a few words."""
        name, before, after = evidence.moved(self.now, self.then)[0]
        return f"{name!r} went from {wording.share(before)} to {wording.share(after)}"

    @property
    def evidence(self) -> dict[str, Any]:
        """Give the categories that moved most."""
        return {**evidence.of_categories(self.now, self.then), "cramer_v_interval": _interval(self.test)}


Drift = NumberDrift | CategoryDrift
"""How far a feature or the model's output moved."""


def of_feature(now: RowsProfile, then: RowsProfile | None, feature: str) -> Drift | None:
    """Measure one feature.

    Args:
        now: The window's rows.
        then: The reference's rows, if there is a reference.
        feature: The feature.

    Returns:
        The drift, or None without a reference of the same bins, or with too few rows.
    """
    if feature in now.layout.numeric:
        return of_numbers(now.number(feature), number_of(then, feature))
    return of_categories(category_of(now, feature), category_of(then, feature))


def of_output(now: RowsProfile, then: RowsProfile | None) -> Drift | None:
    """Measure the model's output.

    Args:
        now: The window's rows.
        then: The reference's rows, if there is a reference.

    Returns:
        The drift, or None without a reference of the same bins, or with too few rows.
    """
    if then is None:
        return None
    task = task_of(now.layout.binning.task)
    output, before = task.output(now), task.output(then)
    if isinstance(output, CategorySummary):
        return of_categories(output, before if isinstance(before, CategorySummary) else None)
    return of_numbers(output, before if isinstance(before, NumberSummary) else None)


def of_numbers(now: NumberSummary | None, then: NumberSummary | None) -> NumberDrift | None:
    """Measure a number.

    Args:
        now: The number in the window.
        then: The number in the reference.

    Returns:
        The drift, or None if the bins differ, or with too few rows.
    """
    if now is None or then is None or now.shape.edges != then.shape.edges:
        return None
    pair = Pair.of(then.bins, now.bins)
    test = kolmogorov_smirnov(then.bins, now.bins)
    if pair is None or test is None:
        return None
    distances = _distances(pair)
    distances["wasserstein"] = wasserstein_distance(then.bins, now.bins, bin_values(then))
    return NumberDrift(now, then, psi_of(pair), distances, test)


def of_categories(now: CategorySummary | None, then: CategorySummary | None) -> CategoryDrift | None:
    """Measure a category feature.

    Args:
        now: The categories in the window.
        then: The categories in the reference.

    Returns:
        The drift, or None if other categories were known, or with too few rows.
    """
    if now is None or then is None or not now.counts_like(then):
        return None
    after = np.array([*now.known.values(), now.outside])
    before = np.array([*(then.known[name] for name in now.known), then.outside])
    pair = Pair.of(before, after, ordered=False)
    if pair is None:
        return None
    return CategoryDrift(now, then, psi_of(pair), _distances(pair), chi_squared_of(pair))


def _distances(pair: Pair) -> dict[str, float]:
    return {
        "jensen_shannon": jensen_shannon_distance(pair),
        "hellinger": hellinger_distance(pair),
        "total_variation": total_variation_distance(pair),
    }


def _interval(measure: Measure) -> list[float | None]:
    return [wording.tidy(measure.lower), wording.tidy(measure.upper)]


def judge(case: Case, check: Check, feature: str | None, drift: Drift) -> Finding | None:
    """Decide whether a change is drift: significant, above the limit, and unlike all reference windows.

    Where the engine knows the window, only the features whose change it is sure of are considered.

    Args:
        case: The window and what it is compared with.
        check: The check that the finding belongs to.
        feature: The feature, or None for the model's output.
        drift: How far it moved.

    Returns:
        A finding, or None.
    """
    if case.moved is not None and (feature or OUTPUT) not in case.moved:
        return None
    limit = case.monitor.sensitivity.psi
    ordinary = case.reference.spans.moved.get(feature or OUTPUT) if case.reference else None
    if ordinary is not None and not drift.is_beyond(ordinary):
        limit = max(limit, _MARGIN * ordinary.psi_excess)
    if drift.psi.excess <= limit or (drift.p_value or 0.0) > case.level_of(feature or OUTPUT):
        return None
    return _finding(case, check, feature, drift, limit + drift.psi.expected)


def _finding(case: Case, check: Check, feature: str | None, drift: Drift, limit: float) -> Finding:
    measures = {
        "psi": drift.psi.statistic,
        "psi_expected_without_drift": drift.psi.expected,
        **drift.distances,
    }
    intervals = {"psi_excess_interval": _interval(drift.psi), "interval_level": LEVEL}
    return Finding(
        check=check,
        state="bad",
        explanation=(
            f"{case.where}{feature or 'the model output'} drifted from the reference: {drift.sentence} "
            f"(PSI {wording.number(drift.psi.statistic)}, limit {wording.number(limit)} at this sample size)."
        ),
        value=drift.psi.statistic,
        threshold=limit,
        p_value=drift.p_value,
        feature=feature,
        segment=case.segment,
        evidence={
            **drift.evidence,
            **{name: wording.tidy(value) for name, value in measures.items()},
            **intervals,
        },
    )
