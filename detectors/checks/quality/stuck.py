"""One constant value over a whole window, where the feature varies."""

from math import exp, log
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.window_case import Case, category_of, number_of
from watchkeeper.detectors.profiles.layout import BINS
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.spans import MANY
from watchkeeper.detectors.profiles.summaries import NumberSummary
from watchkeeper.schemas.findings import Finding

_USUAL, _USUAL_OF_SURE = 0.5, 0.9
"""A value that this share of the past has is no sign of anything in a row, or where the engine is sure."""


class Run(NamedTuple):
    """A value that all rows of a window have, and the largest share that it had in the past."""

    value: str
    rows: int
    share: float


def applies(case: Case) -> bool:
    """Whether enough windows are known to tell that the feature varies within each."""
    return case.spans is not None and case.spans.count >= MANY


def check(case: Case, feature: str) -> Finding | None:
    """Find a feature with one value only that was not constant in any window before.

    A calendar, or the weather of one hour, is constant in many windows: so how they vary must be known.
    The chance of n rows of a value that had the share p in the reference (or else recently) is p ** n.
    """
    if case.spans is None or not applies(case) or case.spans.constant.get(feature):
        return None
    run = _number_run(case, feature) or _category_run(case, feature)
    if (
        run is None
        or run.rows < SHARE_ROWS_MIN
        or run.share > (_USUAL_OF_SURE if case.is_sure_of(feature) else _USUAL)
    ):
        return None
    p_value = exp(run.rows * log(run.share)) if run.share else 0.0
    if p_value > case.level_of(feature):
        return None
    return Finding(
        check="stuck",
        state="bad",
        explanation=(
            f"{case.where}{feature} has the one value {run.value} in all {run.rows} rows; "
            f"at most {wording.share(run.share)} of the past had it."
        ),
        value=float(run.rows),
        p_value=p_value,
        feature=feature,
        segment=case.segment,
        evidence={"stuck_at": run.value, "rows": run.rows, "share_before": wording.tidy(run.share)},
    )


def _number_run(case: Case, feature: str) -> Run | None:
    now = number_of(case.window, feature)
    if now is None or now.constant is None:
        return None
    share = 1.0
    for past in reversed(case.pasts):
        summary = number_of(past.profile, feature)
        if summary is not None and summary.usable:
            share = _value_share(summary, now.constant, case.reference is past.profile)
            break
    return Run(wording.number(now.constant), now.usable, share)


def _value_share(past: NumberSummary, value: float, fitted: bool) -> float:
    """Bound the share of a value by that of its bin.

    A value with more than one of the equal shares that bins were fitted to is an edge, or the lowest value.
    """
    place = int(np.searchsorted(past.shape.edges, value, side="right"))
    share = float(past.bins[place]) / past.usable
    is_common = value == past.lowest or (place > 0 and past.shape.edges[place - 1] == value)
    return share if is_common or not fitted else min(share, 1 / BINS)


def _category_run(case: Case, feature: str) -> Run | None:
    now = category_of(case.window, feature)
    if now is None or now.constant is None:
        return None
    pasts = [category_of(past.profile, feature) for past in case.pasts]
    shares = [past.counts().get(now.constant, 0) / past.usable for past in pasts if past and past.usable]
    return Run(repr(now.constant), now.usable, max(shares, default=1.0))
