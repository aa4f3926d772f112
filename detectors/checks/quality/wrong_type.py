"""Values of another type than declared."""

from watchkeeper.detectors.checks.quality.share_rise import Share, past_shares, share_rise
from watchkeeper.detectors.checks.window_case import Case, summary_of
from watchkeeper.schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find values whose type is not the declared one, such as a number sent as text."""
    now, pasts = summary_of(case.window, feature), past_shares(case, feature, "wrong_type")
    if now is None:
        return None
    what = f"{feature} is not of type {case.monitor.features[feature].type}"
    return share_rise(case, "wrong_type", feature, what, Share(now.wrong_type, now.rows), pasts)
