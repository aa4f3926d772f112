"""Values absent or null far more often than before."""

from watchkeeper.detectors.checks.quality.share_rise import Share, past_shares, share_rise
from watchkeeper.detectors.checks.window_case import Case, summary_of
from watchkeeper.schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find a burst of missing values; of a feature that is not required, only that it is gone altogether."""
    now = summary_of(case.window, feature)
    if now is None:
        return None
    # A past without any value, as a reference that lacks the column, does not say how often it is missing.
    pasts = [past for past in past_shares(case, feature, "missing") if past.found < past.rows]
    if not case.monitor.features[feature].required and (not pasts or now.missing < now.rows):
        return None
    return share_rise(case, "missing", feature, f"{feature} is missing", Share(now.missing, now.rows), pasts)
