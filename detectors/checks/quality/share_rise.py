"""A share that rose: what all checks of broken values have in common."""

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.quality.proportions import rise_p_value
from watchkeeper.detectors.checks.window_case import RECENT, REFERENCE, Case, summary_of
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.spans import BrokenKind
from watchkeeper.schemas.findings import Check, Finding

_RISING = 1e-4
"""What is less likely by chance is not usual yet, though it may be no fault."""

_TOLD_BY_REFERENCE: frozenset[Check] = frozenset({"missing", "wrong_type", "out_of_range"})


class Share(NamedTuple):
    """So many of so many rows, and where."""

    found: int
    rows: int
    name: str = "the window"
    worst: float = 0.0
    """The largest share in one window of this past, where that is known."""

    @property
    def value(self) -> float:
        """Give the share."""
        return self.found / self.rows if self.rows else 0.0

    @property
    def most(self) -> float:
        """Give the largest share that is usual."""
        return max(self.value, self.worst)

    def __str__(self) -> str:
        return wording.share(self.value)


def past_shares(case: Case, feature: str, kind: BrokenKind) -> list[Share]:
    """List the share of broken values in each past that counted the same."""
    now, shares = summary_of(case.window, feature), []
    for past in case.pasts:
        then = summary_of(past.profile, feature)
        if then is not None and (kind != "outside" or then.counts_like(now)):
            worst = getattr(past.worst(feature), kind)
            shares.append(Share(getattr(then, kind), then.rows, past.name, worst))
    return shares


def is_rising(case: Case) -> bool:
    """Whether more values of some feature are broken than ever, beyond chance, be it by less than counts.

    Such a window must not say what is usual: a share that is just below the limit would raise its own bar.
    The first windows are told from nothing but the reference, and do say it.
    """
    return any(
        _rises(Share(getattr(now, kind), now.rows), past_shares(case, feature, kind))
        for feature in case.monitor.features
        if (now := summary_of(case.window, feature)) is not None and now.rows >= SHARE_ROWS_MIN
        for kind in get_args(BrokenKind)
    )


def _rises(now: Share, pasts: Sequence[Share]) -> bool:
    return (
        RECENT in {past.name for past in pasts}
        and now.value > max(past.most for past in pasts)
        and all(rise_p_value(now.found, now.rows, past.found, past.rows) <= _RISING for past in pasts)
    )


def share_rise(
    case: Case, check: Check, feature: str | None, what: str, now: Share, pasts: Sequence[Share]
) -> Finding | None:
    """Find a share that is above the past one, by the least effect that counts and beyond chance.

    With no past the share is compared with none at all, and only its size counts. Where windows of the past
    are known, the share must be above the worst of them: values that go missing together, as with a sensor
    that is off for hours, are no news.
    """
    told, pasts = pasts, _deciding(check, pasts)
    before = max(pasts, key=lambda past: past.most, default=Share(0, 0, "none allowed"))
    least = case.monitor.sensitivity.missing_ratio
    if now.rows < SHARE_ROWS_MIN or now.found == 0 or now.value - before.most < least:
        return None
    p_values = [rise_p_value(now.found, now.rows, past.found, past.rows) for past in pasts]
    p_value = max(p_values, default=None)
    if p_value is not None and p_value > case.level_of(feature):
        return None
    against = _against(before) if pasts else "none expected"
    return Finding(
        check=check,
        state="bad",
        explanation=f"{case.where}{what} in {now} of {now.rows} rows, against {against}.",
        value=now.value,
        threshold=before.most + least,
        p_value=p_value,
        feature=feature,
        segment=case.segment,
        evidence=_evidence(now, told),
    )


def _deciding(check: Check, pasts: Sequence[Share]) -> Sequence[Share]:
    """Leave the reference alone where it can tell: in recent windows a fault may have begun, unseen.

    It can not where by its nature it has no such values: all its categories are known, all its rows were sent
    once.
    """
    return [past for past in pasts if past.name == REFERENCE and check in _TOLD_BY_REFERENCE] or pasts


def _against(before: Share) -> str:
    if before.worst > before.value:
        return f"at most {wording.share(before.worst)} in any window of {before.name}"
    return f"{before} in {before.name}"


def _evidence(now: Share, pasts: Sequence[Share]) -> dict[str, Any]:
    shares = {past.name: {"ratio": wording.tidy(past.value), "rows": past.rows} for past in pasts}
    return {"count": now.found, "rows": now.rows, "ratio": wording.tidy(now.value), "before": shares}
