"""Checks of the model's own output: missing, of a wrong type, out of range, stuck at one value."""

from watchkeeper.detectors.checks import wording
from watchkeeper.detectors.checks.quality import stuck
from watchkeeper.detectors.checks.quality.share_rise import RowShare, past_shares, share_rise
from watchkeeper.detectors.checks.window_case import Case, number_of
from watchkeeper.detectors.profiles.layout import OUTPUT
from watchkeeper.detectors.profiles.spans import BrokenKind
from watchkeeper.detectors.tasks import task_of
from watchkeeper.schemas.findings import Check, Finding


def applies(case: Case) -> bool:
    """Whether the rows have an output: those of a model do, those of a feature view do not.

    Args:
        case: The window and what it is compared with.
    """
    return case.window.output is not None


def varied(case: Case) -> bool:
    """Whether the output can be stuck: there is a past, and it varied in each of its windows.

    Args:
        case: The window and what it is compared with.
    """
    is_known = any(past.profile.output is not None for past in case.pasts)
    return applies(case) and is_known and not (case.spans and case.spans.constant.get(OUTPUT))


def missing(case: Case) -> Finding | None:
    """Find a rise in rows without an output.

    A model that never had an output is judged by the rows that have no label of the model either.

    Args:
        case: The window and what it is compared with.

    Returns:
        A finding, or None.
    """
    now = number_of(case.window, OUTPUT)
    if now is None:
        return None
    known = past_shares(case, OUTPUT, "missing")
    pasts = [past for past in known if past.found < past.rows]
    silent = now.missing if pasts else now.missing - case.window.labelled
    share = RowShare(max(0, silent), now.rows)
    return share_rise(case, "prediction_missing", OUTPUT, f"The {_name(case)} is missing", share, pasts)


def wrong_type(case: Case) -> Finding | None:
    """Find a rise in the share of outputs that are no number, such as a number sent as text.

    Args:
        case: The window and what it is compared with.

    Returns:
        A finding, or None.
    """
    return _broken(case, "prediction_wrong_type", "wrong_type", f"The {_name(case)} is not a number")


def out_of_range(case: Case) -> Finding | None:
    """Find a rise in the share of outputs outside the range of the task, such as a score in percent.

    Args:
        case: The window and what it is compared with.

    Returns:
        A finding, or None.
    """
    now = number_of(case.window, OUTPUT)
    if now is None or now.shape.lowest is None or now.shape.highest is None:
        return None
    low, high = wording.number(now.shape.lowest), wording.number(now.shape.highest)
    what = f"The {_name(case)} is outside its range {low} to {high}"
    finding = _broken(case, "prediction_out_of_range", "outside", what)
    if finding is not None:
        finding.evidence.update(lowest=wording.tidy(now.lowest), highest=wording.tidy(now.highest))
    return finding


def constant(case: Case) -> Finding | None:
    """Find an output with one value only, where it was never constant in a window before.

    Unlike a feature, such as the day of the week, an output is not constant in healthy windows, so one past
    is enough.

    Args:
        case: The window and what it is compared with.

    Returns:
        A finding, or None.
    """
    return stuck.find(case, "prediction_stuck", OUTPUT, f"The {_name(case)}") if varied(case) else None


def _broken(case: Case, check: Check, kind: BrokenKind, what: str) -> Finding | None:
    now = number_of(case.window, OUTPUT)
    if now is None:
        return None
    count = now.wrong_type if kind == "wrong_type" else now.outside
    return share_rise(case, check, OUTPUT, what, RowShare(count, now.rows), past_shares(case, OUTPUT, kind))


def _name(case: Case) -> str:
    return task_of(case.monitor.task).output_field
