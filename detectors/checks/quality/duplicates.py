"""Events that were published again under the same id."""

from watchkeeper.detectors.checks.quality.share_rise import Share, share_rise
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.schemas.findings import Finding


def check(case: Case) -> Finding | None:
    """Find repeated ids, more of them than in the past."""
    window = case.window
    pasts = [
        Share(past.profile.duplicates, past.profile.rows + past.profile.duplicates, past.name)
        for past in case.pasts
    ]
    now = Share(window.duplicates, window.rows + window.duplicates)
    return share_rise(case, "duplicates", None, "The same id came again", now, pasts)
