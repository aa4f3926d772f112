"""Finds values of another type than declared."""

from watchkeeper.detectors.checks.quality.share_rise import RowShare, past_shares, share_rise
from watchkeeper.detectors.checks.window_case import Case, summary_of
from watchkeeper.schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find a rise in the share of values of another type than declared, such as a number sent as text.

    Args:
        case: The window and what it is compared with.
        feature: The feature.

    Returns:
        A finding, or None.
    """
    now, pasts = summary_of(case.window, feature), past_shares(case, feature, "wrong_type")
    if now is None:
        return None
    what = f"{feature} is not of type {case.monitor.features[feature].type}"
    return share_rise(case, "wrong_type", feature, what, RowShare(now.wrong_type, now.rows), pasts)
