"""Finds a serving latency far above that of the recent windows."""

import numpy as np

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.budget import level
from watchkeeper.detectors.checks.quality.proportions import rise_p_value
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.schemas.findings import Finding

_FACTOR = 2.0
"""The smallest ratio of the percentiles that is a finding. Chosen by hand: smaller rises are common."""
_RISING_FACTOR, _RISING = 1.25, 1e-4
"""The smallest ratio, and the significance, of a rise that keeps a window out of the recent windows for a
while: a fault may have begun in it. Chosen by hand: smaller rises are common."""
_SHARE = 0.95
"""The percentile of latencies that is compared, as a share."""


def applies(case: Case) -> bool:
    """Whether the window has latencies.

    Args:
        case: The window and what it is compared with.
    """
    return bool(case.window.latency.any())


def check(case: Case) -> Finding | None:
    """Find a 95th percentile of the latency that has doubled.

    Fisher's exact test compares the shares of latencies above the old percentile.

    Args:
        case: The window and what it is compared with.

    Returns:
        A finding, or None.
    """
    timed = [past for past in case.pasts if past.profile.latency.sum() >= SHARE_ROWS_MIN]
    now = case.window.latency_quantile_ms(_SHARE)
    if not timed or now is None or case.window.latency.sum() < SHARE_ROWS_MIN:
        return None
    past = timed[0]
    before = past.profile.latency_quantile_ms(_SHARE)
    if before is None or now < _FACTOR * before:
        return None
    p_value = _rise(case.window, past.profile)
    if p_value > level(case.monitor):
        return None
    return Finding(
        check="latency",
        state="bad",
        explanation=(
            f"{case.where}the 95th percentile of the serving latency is {wording.number(now)} ms, against "
            f"{wording.number(before)} ms in {past.name}."
        ),
        value=now,
        threshold=_FACTOR * before,
        p_value=p_value,
        segment=case.segment,
        evidence={"now_ms": _quantiles(case.window), "before_ms": _quantiles(past.profile)},
    )


def is_rising(case: Case) -> bool:
    """Whether the latency rose beyond chance and by a quarter, even if too little for a finding.

    Args:
        case: The window and what it is compared with.
    """
    past, now = case.recent, case.window.latency_quantile_ms(_SHARE)
    if past is None or now is None or past.latency.sum() < SHARE_ROWS_MIN:
        return False
    before = past.latency_quantile_ms(_SHARE)
    return before is not None and now >= _RISING_FACTOR * before and _rise(case.window, past) <= _RISING


def _rise(window: RowsProfile, past: RowsProfile) -> float:
    place = int(np.searchsorted(np.cumsum(past.latency), _SHARE * past.latency.sum()))
    above = [int(profile.latency[place + 1 :].sum()) for profile in (window, past)]
    return rise_p_value(above[0], int(window.latency.sum()), above[1], int(past.latency.sum()))


def _quantiles(profile: RowsProfile) -> dict[str, float | None]:
    return {f"p{share}": profile.latency_quantile_ms(share / 100) for share in (50, 95, 99)}
