"""One constant value over a whole window, where the feature varies."""

from math import exp, log
from typing import NamedTuple

import numpy as np

from detectors import wording
from detectors.case import ROWS_MIN, Case, category_of, number_of
from schemas.findings import Finding

_USUAL = 0.5
"""A value that this share of the past has is not a sign of anything when it comes in a row."""
_SPANS_MIN = 3


class Run(NamedTuple):
    """A value that all rows of a window have, and the largest share that it had in the past."""

    value: str
    rows: int
    share: float


def applies(case: Case) -> bool:
    """Whether enough recent windows are known."""
    return case.recent is not None and case.recent.spans >= _SPANS_MIN


def check(case: Case, feature: str) -> Finding | None:
    """Find a feature with one value only that was not constant in any recent window.

    A calendar, or the weather of one hour, is constant in every window: so recent windows must be known.
    The chance of n rows in a row of a value, with share p of a past, is p ** n at most.
    """
    if not varied_recently(case, feature):
        return None
    run = _number_run(case, feature) or _category_run(case, feature)
    if run is None or run.rows < ROWS_MIN or run.share > _USUAL:
        return None
    p_value = exp(run.rows * log(run.share)) if run.share else 0.0
    if p_value > case.level:
        return None
    return Finding(
        check="stuck",
        state="bad",
        explanation=(
            f"{case.where}{feature} has the one value {run.value} in all {run.rows} rows; "
            f"at most {wording.share(run.share)} of the past had it or one close to it."
        ),
        value=float(run.rows),
        p_value=p_value,
        feature=feature,
        segment=case.segment,
        evidence={"stuck_at": run.value, "rows": run.rows, "share_before": wording.tidy(run.share)},
    )


def varied_recently(case: Case, feature: str) -> bool:
    """Whether enough recent windows are known, and none of them was constant."""
    recent = case.recent
    if recent is None or not applies(case):
        return False
    names = [*recent.layout.numeric, *recent.layout.categorical]
    return feature in names and not recent.constant[names.index(feature)]


def _number_run(case: Case, feature: str) -> Run | None:
    now = number_of(case.window, feature)
    if now is None or not now.usable or now.lowest != now.highest:
        return None
    shares = []
    for past in case.pasts:
        summary = number_of(past.profile, feature)
        if summary is not None and summary.usable:
            place = int(np.searchsorted(summary.shape.edges, now.lowest, side="right"))
            shares.append(float(summary.bins[place]) / summary.usable)
    return Run(wording.number(now.lowest), now.usable, max(shares, default=1.0))


def _category_run(case: Case, feature: str) -> Run | None:
    now = category_of(case.window, feature)
    if now is None or now.constant is None:
        return None
    pasts = [category_of(past.profile, feature) for past in case.pasts]
    shares = [past.counts().get(now.constant, 0) / past.usable for past in pasts if past and past.usable]
    return Run(repr(now.constant), now.usable, max(shares, default=1.0))
