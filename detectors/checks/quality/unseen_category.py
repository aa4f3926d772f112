"""Finds categories that the reference, or the declared list, does not have."""

from watchkeeper.detectors.checks.quality.share_rise import RowShare, past_shares, share_rise
from watchkeeper.detectors.checks.window_case import Case, category_of
from watchkeeper.schemas.findings import Finding

_SHOWN = 5
"""The most unseen categories that the evidence lists."""


def check(case: Case, feature: str) -> Finding | None:
    """Find a rise in the share of unseen categories.

    Without a past it compares with the declared categories, if there are any.

    Args:
        case: The window and what it is compared with.
        feature: The category feature.

    Returns:
        A finding, or None.
    """
    now, pasts = category_of(case.window, feature), past_shares(case, feature, "outside")
    if now is None or not (pasts or case.monitor.features[feature].categories):
        return None
    what = f"{feature} has an unseen category"
    finding = share_rise(case, "unseen_category", feature, what, RowShare(now.outside, now.rows), pasts)
    if finding is not None:
        common = sorted(now.kept.items(), key=lambda item: (-item[1], item[0]))
        finding.evidence["most_common"] = dict(common[:_SHOWN])
    return finding
