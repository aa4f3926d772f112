"""Finds one constant value over a whole window, of a feature that varies."""

from math import exp, log
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.window_case import Case, category_of, number_of
from watchkeeper.detectors.profiles.layout import BINS
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.spans import LIMIT_SPANS_MIN
from watchkeeper.detectors.profiles.summaries import NumberSummary
from watchkeeper.schemas.findings import Check, Finding

_COMMON = 0.5
"""The largest share of the past that a stuck value may have. Chosen by hand: a run of a common value is often
healthy."""
_COMMON_IF_SURE = 0.9
"""The same share where the engine is sure of a change of the feature. Chosen by hand."""


class Run(NamedTuple):
    """A value that all rows of a window have."""

    value: str
    """The value, as the explanation shows it."""
    rows: int
    """The number of rows that have it."""
    share: float
    """The largest share of the past that had it."""


def applies(case: Case) -> bool:
    """Whether enough windows are known to see that features vary within each.

    Args:
        case: The window and what it is compared with.
    """
    return case.spans is not None and case.spans.count >= LIMIT_SPANS_MIN


def check(case: Case, feature: str) -> Finding | None:
    """Find a feature with one value only that was not constant in any window before.

    A calendar feature, or the weather of one hour, is constant in many windows, so the past must show how
    windows vary. The probability of n rows of a value with the share p of the reference (or else of the
    recent windows) is p ** n.

    Args:
        case: The window and what it is compared with.
        feature: The feature.

    Returns:
        A finding, or None.
    """
    if case.spans is None or not applies(case) or case.spans.constant.get(feature):
        return None
    return find(case, "stuck", feature, feature)


def find(case: Case, check: Check, feature: str, what: str) -> Finding | None:
    """Find one value in all rows of a window that is rare in the past.

    Args:
        case: The window and what it is compared with.
        check: The check that the finding belongs to.
        feature: The feature; `OUTPUT` is the model's output.
        what: The name of the value in the explanation.

    Returns:
        A finding, or None.
    """
    run = _number_run(case, feature) or _category_run(case, feature)
    if (
        run is None
        or run.rows < SHARE_ROWS_MIN
        or run.share > (_COMMON_IF_SURE if case.is_sure_of(feature) else _COMMON)
    ):
        return None
    p_value = exp(run.rows * log(run.share)) if run.share else 0.0
    if p_value > case.level_of(feature):
        return None
    return Finding(
        check=check,
        state="bad",
        explanation=(
            f"{case.where}{what} has the value {run.value} in all {run.rows} rows; "
            f"at most {wording.share(run.share)} of past rows had it."
        ),
        value=float(run.rows),
        p_value=p_value,
        feature=feature or None,
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

    Bins were fitted to equal shares, so a value with more than one such share is an edge or the lowest value.
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
