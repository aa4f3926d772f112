"""Finds values that are absent or null far more often than before."""

from watchkeeper.detectors.checks.quality.share_rise import RowShare, past_shares, share_rise
from watchkeeper.detectors.checks.window_case import Case, summary_of
from watchkeeper.schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find a rise in missing values; of a feature that is not required, only that all values are missing.

    Args:
        case: The window and what it is compared with.
        feature: The feature.

    Returns:
        A finding, or None.
    """
    now = summary_of(case.window, feature)
    if now is None:
        return None
    # A past without any value, such as a reference that lacks the column, has no share to compare with.
    pasts = [past for past in past_shares(case, feature, "missing") if past.found < past.rows]
    if not case.monitor.features[feature].required and (not pasts or now.missing < now.rows):
        return None
    return share_rise(
        case, "missing", feature, f"{feature} is missing", RowShare(now.missing, now.rows), pasts
    )
