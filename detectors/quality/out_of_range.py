"""Numbers outside the declared range."""

from detectors import wording
from detectors.case import Case, number_of
from detectors.quality.share_rise import Share, share_rise
from schemas.findings import Finding


def check(case: Case, feature: str) -> Finding | None:
    """Find numbers outside the declared range, more of them than in the past."""
    span = case.monitor.features[feature].range
    now = number_of(case.window, feature)
    if now is None or span is None:
        return None
    known = ((past.name, number_of(past.profile, feature)) for past in case.pasts)
    pasts = [
        Share(past.out_of_range, past.rows, name)
        for name, past in known
        # A reference built for another range counted something else.
        if past is not None and (past.shape.lowest, past.shape.highest) == span
    ]
    low, high = map(wording.number, span)
    what = f"{feature} is outside its range {low} to {high}"
    finding = share_rise(case, "out_of_range", feature, what, Share(now.out_of_range, now.rows), pasts)
    if finding is not None:
        finding.evidence.update(lowest=wording.tidy(now.lowest), highest=wording.tidy(now.highest))
    return finding
