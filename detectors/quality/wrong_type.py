"""Values of another type than declared."""

from detectors.case import Case, summary_of
from detectors.quality.share_rise import Share, share_rise
from schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find values whose type is not the declared one, such as a number sent as text."""
    now = summary_of(case.window, feature)
    if now is None:
        return None
    known = ((past.name, summary_of(past.profile, feature)) for past in case.pasts)
    pasts = [Share(past.wrong_type, past.rows, name) for name, past in known if past is not None]
    declared = case.monitor.features[feature].type
    what = f"{feature} is not of type {declared}"
    return share_rise(case, "wrong_type", feature, what, Share(now.wrong_type, now.rows), pasts)
