"""How far a feature, or the model's output, moved from the reference, and whether that is drift."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.drift import evidence
from watchkeeper.detectors.checks.drift.chi_squared import chi_squared_of
from watchkeeper.detectors.checks.drift.hellinger import hellinger_distance
from watchkeeper.detectors.checks.drift.jensen_shannon import jensen_shannon_distance
from watchkeeper.detectors.checks.drift.kolmogorov_smirnov import kolmogorov_smirnov
from watchkeeper.detectors.checks.drift.measure import LEVEL, Measure
from watchkeeper.detectors.checks.drift.pair import Pair
from watchkeeper.detectors.checks.drift.places import places
from watchkeeper.detectors.checks.drift.psi import psi_of
from watchkeeper.detectors.checks.drift.total_variation import total_variation_distance
from watchkeeper.detectors.checks.drift.wasserstein import wasserstein, wasserstein_distance
from watchkeeper.detectors.checks.window_case import Case, category_of, number_of
from watchkeeper.detectors.profiles.layout import OUTPUT
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.spans import Moved
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary
from watchkeeper.detectors.tasks import task_of
from watchkeeper.schemas.findings import Check, Finding

_MARGIN = 1.25
"""How much further than ever seen a window may be."""


@dataclass(frozen=True)
class NumberDrift:
    """How far a number moved, by every measure."""

    now: NumberSummary
    then: NumberSummary
    psi: Measure
    distances: dict[str, float]
    """By their names among the statistics of a window."""
    test: Measure
    """Kolmogorov-Smirnov."""

    @property
    def p_value(self) -> float | None:
        """Give the chance of so much drift without any: that of PSI, as KS on bins is conservative."""
        return self.psi.p_value

    def is_beyond(self, usual: Moved) -> bool:
        """Whether the mean is beyond that of every window of the reference, by a quarter of their span."""
        slack = (_MARGIN - 1) * (usual.mean_max - usual.mean_min)
        return not usual.mean_min - slack <= self.now.mean <= usual.mean_max + slack

    @property
    def sentence(self) -> str:
        """Say what moved."""
        before, after = self.then, self.now
        return (
            f"mean {wording.number(before.mean)} to {wording.number(after.mean)}, "
            f"deviation {wording.number(before.sd)} to {wording.number(after.sd)}"
        )

    @property
    def evidence(self) -> dict[str, Any]:
        """Show moments, quantiles, the bins that moved most, and how far rows moved in their units."""
        moved = wasserstein(self.then.bins, self.now.bins, places(self.then))
        return {
            **evidence.of_numbers(self.now, self.then),
            "ks": wording.tidy(self.test.statistic),
            "wasserstein_interval": _interval(moved) if moved is not None else None,
        }


@dataclass(frozen=True)
class CategoryDrift:
    """How far the shares of categories moved, by every measure."""

    now: CategorySummary
    then: CategorySummary
    psi: Measure
    distances: dict[str, float]
    """By their names among the statistics of a window."""
    test: Measure
    """Chi-squared."""

    @property
    def p_value(self) -> float | None:
        """Give the chance of so much drift without any: that of chi-squared."""
        return self.test.p_value

    def is_beyond(self, usual: Moved) -> bool:
        """Say no: categories have no mean, PSI tells all of them."""
        return False

    @property
    def sentence(self) -> str:
        """Say what moved."""
        name, before, after = evidence.moved(self.now, self.then)[0]
        return f"{name!r} went from {wording.share(before)} to {wording.share(after)}"

    @property
    def evidence(self) -> dict[str, Any]:
        """Show the categories that moved most."""
        return {**evidence.of_categories(self.now, self.then), "cramer_v_interval": _interval(self.test)}


Drift = NumberDrift | CategoryDrift


def of_feature(now: RowsProfile, then: RowsProfile | None, feature: str) -> Drift | None:
    """Measure one feature; None where there is no reference of the same bins, or too few rows."""
    if feature in now.layout.numeric:
        return of_numbers(now.number(feature), number_of(then, feature))
    return of_categories(category_of(now, feature), category_of(then, feature))


def of_output(now: RowsProfile, then: RowsProfile | None) -> Drift | None:
    """Measure the model's output; None where there is no reference of the same bins, or too few rows."""
    if then is None:
        return None
    task = task_of(now.layout.binning.task)
    output, before = task.output(now), task.output(then)
    if isinstance(output, CategorySummary):
        return of_categories(output, before if isinstance(before, CategorySummary) else None)
    return of_numbers(output, before if isinstance(before, NumberSummary) else None)


def of_numbers(now: NumberSummary | None, then: NumberSummary | None) -> NumberDrift | None:
    """Measure a number; None where the bins differ or there are too few rows."""
    if now is None or then is None or now.shape.edges != then.shape.edges:
        return None
    pair = Pair.of(then.bins, now.bins)
    test = kolmogorov_smirnov(then.bins, now.bins)
    if pair is None or test is None:
        return None
    distances = _distances(pair)
    distances["wasserstein"] = wasserstein_distance(then.bins, now.bins, places(then))
    return NumberDrift(now, then, psi_of(pair), distances, test)


def of_categories(now: CategorySummary | None, then: CategorySummary | None) -> CategoryDrift | None:
    """Measure a category; None where other categories were known or there are too few rows."""
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
    """Call it drift when it is beyond chance, above the limit, and unlike every window of the reference.

    Where the engine knows the window, only what it is sure of is looked at.
    """
    if case.moved is not None and (feature or OUTPUT) not in case.moved:
        return None
    limit = case.monitor.sensitivity.psi
    usual = case.reference.spans.moved.get(feature or OUTPUT) if case.reference else None
    if usual is not None and not drift.is_beyond(usual):
        limit = max(limit, _MARGIN * usual.psi_excess)
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
            f"(PSI {wording.number(drift.psi.statistic)}, limit {wording.number(limit)} at this size)."
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
