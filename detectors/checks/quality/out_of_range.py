"""Finds numbers outside the declared range."""

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.quality.share_rise import RowShare, past_shares, share_rise
from watchkeeper.detectors.checks.window_case import Case, number_of
from watchkeeper.schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find a rise in the share of numbers outside the declared range.

    Args:
        case: The window and what it is compared with.
        feature: The numeric feature.

    Returns:
        A finding, or None.
    """
    span = case.monitor.features[feature].range
    now, pasts = number_of(case.window, feature), past_shares(case, feature, "outside")
    if now is None or span is None:
        return None
    low, high = map(wording.number, span)
    what = f"{feature} is outside its range {low} to {high}"
    finding = share_rise(case, "out_of_range", feature, what, RowShare(now.outside, now.rows), pasts)
    if finding is not None:
        finding.evidence.update(lowest=wording.tidy(now.lowest), highest=wording.tidy(now.highest))
    return finding
