"""Values absent or null far more often than before."""

from detectors.case import Case, summary_of
from detectors.quality.share_rise import Share, share_rise
from schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find a burst of missing values; with no past, in features declared required."""
    now = summary_of(case.window, feature)
    if now is None:
        return None
    known = ((past.name, summary_of(past.profile, feature)) for past in case.pasts)
    pasts = [Share(past.missing, past.rows, name) for name, past in known if past is not None]
    if not pasts and not case.monitor.features[feature].required:
        return None
    return share_rise(case, "missing", feature, f"{feature} is missing", Share(now.missing, now.rows), pasts)
