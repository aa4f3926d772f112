"""What becomes of alerts whose state is the new normal, and what on-call is told about that."""

from watchkeeper.alerting.causes import Cause
from watchkeeper.alerting.symptoms import Spot, Symptoms
from watchkeeper.schemas.durations import in_words
from watchkeeper.schemas.findings import DISTORTING, OUTPUT_CHECKS, Accepted, Check, WindowFindings
from watchkeeper.schemas.monitors import Monitor

ACCEPTED_ALWAYS: frozenset[Check] = frozenset({"volume", "latency", "duplicates"})
"""Checks whose baseline is the subject's own past. Their alerts can be accepted."""
ACCEPTED_WITHOUT_REFERENCE: frozenset[Check] = frozenset({*OUTPUT_CHECKS, *DISTORTING, "unseen_category"})
"""Checks whose baseline is the subject's own past only where there is no reference."""


def can_be_accepted(check: Check, has_reference: bool) -> bool:
    """Return whether the owner can accept an alert of a check as the new normal.

    Args:
        check: The check.
        has_reference: Whether the subject has a reference.

    >>> [can_be_accepted(check, has_reference=False) for check in ("volume", "missing", "drift")]
    [True, True, False]
    >>> [can_be_accepted(check, has_reference=True) for check in ("volume", "missing", "drift")]
    [True, False, False]
    """
    return check in ACCEPTED_ALWAYS or (check in ACCEPTED_WITHOUT_REFERENCE and not has_reference)


def how_it_ends(check: Check, monitor: Monitor, fingerprint: str) -> str:
    """Return the sentence that says how a lasting change becomes normal; empty where data may be broken.

    Args:
        check: The check of the alert.
        monitor: The monitor.
        fingerprint: The fingerprint of the alert.
    """
    if check not in ACCEPTED_ALWAYS:
        return ""
    accept = f"watchkeeper accept {fingerprint}"
    after = monitor.sensitivity.new_normal_after
    if after is None:
        return f"It does not become normal by itself. If the change is intended, accept it: {accept}."
    lasts = in_words(after)
    return (
        f"It becomes normal when it has lasted {lasts}. If the change is intended, accept it now: {accept}."
    )


def forget_accepted(symptoms: Symptoms, window: WindowFindings) -> None:
    """Drop the symptoms whose state is normal from a window on.

    Args:
        symptoms: The symptoms of the subject, which are updated.
        window: The findings of the window.
    """
    for spot in [spot for spot in symptoms if any(_is_about(each, spot, window) for each in window.accepted)]:
        del symptoms[spot]


def accepted_by(cause: Cause, window: WindowFindings) -> str:
    """Return the sentence that says who accepted the state of an alert; empty if nobody did.

    Args:
        cause: What the alert is about.
        window: The findings of the window.
    """
    for each in window.accepted:
        same = each.check == cause.check and cause.segment in (None, each.segment or cause.segment)
        if same and cause.feature in (None, each.feature or cause.feature):
            if each.by.startswith("sensitivity."):
                return f"It has lasted so long that it is the new normal ({each.by})."
            return f"Accepted as the new normal by {each.by or 'its owner'}."
    return ""


def _is_about(accepted: Accepted, spot: Spot, window: WindowFindings) -> bool:
    return (
        (accepted.check, window.kind, window.version) == (spot.check, spot.kind, spot.version)
        and accepted.segment in (None, spot.segment)
        and accepted.feature in (None, spot.feature)
    )
