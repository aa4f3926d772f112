"""Categories that the reference, or the declared list, does not have."""

from detectors.case import Case, category_of
from detectors.quality.share_rise import Share, share_rise
from schemas.findings import Finding

_SHOWN = 5


def check(case: Case, feature: str) -> Finding | None:
    """Find categories that were never seen, more of them than in the past."""
    now = category_of(case.window, feature)
    if now is None:
        return None
    known = ((past.name, category_of(past.profile, feature)) for past in case.pasts)
    # A past that knew other categories counted something else.
    pasts = [
        Share(past.unseen, past.rows, name)
        for name, past in known
        if past is not None and past.known.keys() == now.known.keys()
    ]
    if not pasts and case.monitor.features[feature].categories is None:
        return None
    what = f"{feature} has a category that was never seen"
    finding = share_rise(case, "unseen_category", feature, what, Share(now.unseen, now.rows), pasts)
    if finding is not None:
        common = sorted(now.kept.items(), key=lambda item: (-item[1], item[0]))
        finding.evidence["most_common"] = dict(common[:_SHOWN])
    return finding
