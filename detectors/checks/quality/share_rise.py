"""Finds a share that rose: the common part of all checks of broken values."""

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.quality.proportions import rise_p_value
from watchkeeper.detectors.checks.window_case import RECENT, REFERENCE, Case, summary_of
from watchkeeper.detectors.profiles.layout import OUTPUT
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.spans import BrokenKind
from watchkeeper.schemas.findings import Check, Finding

_RISING = 1e-4
"""Significance of a rise that keeps a window out of the recent windows, even without a finding. Chosen by
hand: larger than the level of a finding, so that a slow rise does not raise its own limit."""

_DECIDED_BY_REFERENCE: frozenset[Check] = frozenset(
    {
        "missing", "wrong_type", "out_of_range", "prediction_missing", "prediction_wrong_type",
        "prediction_out_of_range",
    }
)  # fmt: skip
"""The checks that compare with the reference alone where there is one."""


class RowShare(NamedTuple):
    """The share of the rows of a window, or of a past, that have a property."""

    found: int
    """The number of rows that have it."""
    rows: int
    """The number of rows in all."""
    name: str = "the window"
    """The name of the rows, as a sentence uses it."""
    worst: float = 0.0
    """The largest share in one window of this past; 0 if unknown."""

    @property
    def value(self) -> float:
        """Give the share, 0 to 1."""
        return self.found / self.rows if self.rows else 0.0

    @property
    def most(self) -> float:
        """Give the largest healthy share: that of the whole past, or that of its worst window."""
        return max(self.value, self.worst)

    def __str__(self) -> str:
        return wording.share(self.value)


def past_shares(case: Case, feature: str, kind: BrokenKind) -> list[RowShare]:
    """List the share of broken values in each past that counts them in the same way as the window.

    Args:
        case: The window and what it is compared with.
        feature: The feature.
        kind: The kind of broken values.
    """
    now, shares = summary_of(case.window, feature), []
    for past in case.pasts:
        then = summary_of(past.profile, feature)
        if then is not None and (kind != "outside" or then.counts_like(now)):
            worst = getattr(past.worst(feature), kind)
            shares.append(RowShare(getattr(then, kind), then.rows, past.name, worst))
    return shares


def is_rising(case: Case) -> bool:
    """Whether more values of some feature are broken than ever, even if too few for a finding.

    Such a window must not become one of the recent windows: a share just below the limit would raise its own
    limit. The first windows have no recent windows to compare with, and do become some.

    Args:
        case: The window and what it is compared with.
    """
    return any(
        rises(RowShare(getattr(now, kind), now.rows), past_shares(case, feature, kind))
        for feature in (*case.monitor.features, OUTPUT)
        if (now := summary_of(case.window, feature)) is not None and now.rows >= SHARE_ROWS_MIN
        for kind in get_args(BrokenKind)
    )


def rises(now: RowShare, pasts: Sequence[RowShare]) -> bool:
    """Whether a share is larger than in every past, beyond chance, and there are recent windows among these.

    Args:
        now: The share in the window.
        pasts: The shares in the past.
    """
    return (
        RECENT in {past.name for past in pasts}
        and now.value > max(past.most for past in pasts)
        and all(rise_p_value(now.found, now.rows, past.found, past.rows) <= _RISING for past in pasts)
    )


def share_rise(
    case: Case, check: Check, feature: str | None, what: str, now: RowShare, pasts: Sequence[RowShare]
) -> Finding | None:
    """Find a share that rose by at least `sensitivity.missing_ratio` and significantly.

    Without a past only the size of the share counts. Where single windows of the past are known, the share
    must exceed that of the worst: values that are often missing together, as those of a sensor that is off
    for hours, are no change.

    Args:
        case: The window and what it is compared with.
        check: The check that the finding belongs to.
        feature: The feature, `OUTPUT`, or None for a property of whole rows.
        what: The start of the explanation, such as "temp is missing".
        now: The share in the window.
        pasts: The shares in the past, by `past_shares`.

    Returns:
        A finding, or None.
    """
    known, pasts = pasts, _deciding(check, pasts)
    before = max(pasts, key=lambda past: past.most, default=RowShare(0, 0, "none allowed"))
    least = case.monitor.sensitivity.missing_ratio
    if now.rows < SHARE_ROWS_MIN or now.found == 0 or now.value - before.most < least:
        return None
    p_values = [rise_p_value(now.found, now.rows, past.found, past.rows) for past in pasts]
    p_value = max(p_values, default=None)
    if p_value is not None and p_value > case.level_of(feature):
        return None
    against = f"against {_against(before)}" if pasts else "where none is expected"
    return Finding(
        check=check,
        state="bad",
        explanation=f"{case.where}{what} in {now} of {now.rows} rows, {against}.",
        value=now.value,
        threshold=before.most + least,
        p_value=p_value,
        feature=feature or None,
        segment=case.segment,
        evidence=_evidence(now, known),
    )


def _deciding(check: Check, pasts: Sequence[RowShare]) -> Sequence[RowShare]:
    """Keep the reference alone where it can decide: a fault may have begun unseen in the recent windows.

    It cannot decide where it never has such values: all its categories are known, all its rows were sent
    once.
    """
    return [past for past in pasts if past.name == REFERENCE and check in _DECIDED_BY_REFERENCE] or pasts


def _against(before: RowShare) -> str:
    if before.worst > before.value:
        return f"at most {wording.share(before.worst)} in any window of {before.name}"
    return f"{before} in {before.name}"


def _evidence(now: RowShare, pasts: Sequence[RowShare]) -> dict[str, Any]:
    shares = {past.name: {"ratio": wording.tidy(past.value), "rows": past.rows} for past in pasts}
    return {"count": now.found, "rows": now.rows, "ratio": wording.tidy(now.value), "before": shares}
