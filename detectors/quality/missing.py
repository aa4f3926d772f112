"""Values absent or null far more often than before."""

from detectors.case import Case, summary_of
from detectors.quality.share_rise import Share, past_shares, share_rise
from schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find a burst of missing values; of a feature that is not required, only that it is gone altogether."""
    now, pasts = summary_of(case.window, feature), past_shares(case, feature, "missing")
    if now is None:
        return None
    if not case.monitor.features[feature].required and (not pasts or now.missing < now.rows):
        return None
    return share_rise(case, "missing", feature, f"{feature} is missing", Share(now.missing, now.rows), pasts)
