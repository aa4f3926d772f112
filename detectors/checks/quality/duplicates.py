"""Finds events that were published again under the same id."""

from watchkeeper.detectors.checks.quality.share_rise import RowShare, rises, share_rise
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.schemas.findings import Finding


def check(case: Case) -> Finding | None:
    """Find a rise in the share of repeated ids.

    Args:
        case: The window and what it is compared with.

    Returns:
        A finding, or None.
    """
    now, pasts = _shares(case)
    return share_rise(case, "duplicates", None, "The id repeats an earlier one", now, pasts)


def is_rising(case: Case) -> bool:
    """Whether more ids are repeated than ever, even if too few for a finding.

    Args:
        case: The window and what it is compared with.
    """
    return rises(*_shares(case))


def _shares(case: Case) -> tuple[RowShare, list[RowShare]]:
    window = case.window
    pasts = [
        RowShare(past.profile.duplicates, past.profile.rows + past.profile.duplicates, past.name)
        for past in case.pasts
    ]
    return RowShare(window.duplicates, window.rows + window.duplicates), pasts
