"""Categories that the reference, or the declared list, does not have."""

from watchkeeper.detectors.checks.quality.share_rise import Share, past_shares, share_rise
from watchkeeper.detectors.checks.window_case import Case, category_of
from watchkeeper.schemas.findings import Finding

_SHOWN = 5


def check(case: Case, feature: str) -> Finding | None:
    """Find categories that were never seen, more of them than in the past; with no past, where declared."""
    now, pasts = category_of(case.window, feature), past_shares(case, feature, "outside")
    if now is None or not (pasts or case.monitor.features[feature].categories):
        return None
    what = f"{feature} has a category that was never seen"
    finding = share_rise(case, "unseen_category", feature, what, Share(now.outside, now.rows), pasts)
    if finding is not None:
        common = sorted(now.kept.items(), key=lambda item: (-item[1], item[0]))
        finding.evidence["most_common"] = dict(common[:_SHOWN])
    return finding
