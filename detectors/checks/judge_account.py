"""Judges what became of a subject's events: whether too many were rejected, too late, or of a wrong clock."""

from collections.abc import Mapping, Sequence

from scipy.stats import beta

from watchkeeper.detectors.checks import wording
from watchkeeper.schemas.findings import Check, Finding, Kind
from watchkeeper.schemas.monitors import Sensitivity
from watchkeeper.schemas.profiles import OTHER_PUBLISHERS, KindAccount, PublisherClock

ACCOUNT_CHECKS: tuple[Check, ...] = ("rejected", "clock", "late")
"""The checks of an account."""
_LEVEL = 1e-3
"""The probability that a share below the limit is taken for one above it, in one account. Chosen by hand:
3 of 3 events, or 100 of 1,000, are enough to be sure of more than 5 %."""
_SECONDS_MAX = 600
"""Differences above this many seconds are written in minutes, as people do. Chosen by hand."""


def judge_account(
    kinds: Mapping[Kind, KindAccount], samples: Sequence[str], sensitivity: Sensitivity
) -> list[Finding]:
    """Find the shares of rejected and late events that are surely above the limit, and clocks that are wrong.

    Args:
        kinds: The account of each kind of the subject's events.
        samples: Some rejected events, as text.
        sensitivity: The `sensitivity` of the monitor; `missing_ratio` is the limit of the shares.

    Returns:
        At most one finding for each check.

    >>> account = {"predictions": KindAccount(accepted=40, late=160)}
    >>> [(each.check, each.value) for each in judge_account(account, [], Sensitivity())]
    [('late', 0.8)]
    """
    limit = sensitivity.missing_ratio
    found = [
        _worst([_rejected(kind, each, samples, limit) for kind, each in kinds.items()]),
        _worst([_clock(kind, each, limit) for kind, each in kinds.items()]),
        _worst([_late(kind, each, limit) for kind, each in kinds.items()]),
    ]
    return [finding for finding in found if finding is not None]


def is_above(count: int, events: int, limit: float) -> bool:
    """Return whether a share is surely above a limit, by the exact bound of Clopper and Pearson (1934).

    Args:
        count: The number of events that count.
        events: The number of all events.
        limit: The limit of the share, 0 to 1.

    >>> is_above(3, 3, 0.05), is_above(1, 2, 0.05), is_above(60, 1000, 0.05)
    (True, False, False)
    """
    return count > 0 and float(beta.ppf(_LEVEL, count, events - count + 1)) > limit


def _rejected(kind: Kind, account: KindAccount, samples: Sequence[str], limit: float) -> Finding | None:
    events = account.published - account.other
    if not is_above(account.rejected, events, limit):
        return None
    share = account.rejected / events
    most = max(account.reasons, key=lambda reason: (account.reasons[reason], reason), default="unknown")
    text = f"{wording.share(share)} of {events} {kind} were rejected, most of them as {most}."
    example = next((each for each in samples if each.startswith(kind)), None)
    text += f" One is {example}." if example else ""
    evidence = {"kind": kind, "events": events, "reasons": dict(account.reasons), "samples": list(samples)}
    return Finding("rejected", "bad", text, value=share, threshold=limit, evidence=evidence)


def _late(kind: Kind, account: KindAccount, limit: float) -> Finding | None:
    events = account.published - account.other
    if not is_above(account.late, events, limit):
        return None
    share = account.late / events
    text = (
        f"{wording.share(share)} of {events} {kind} came after their window had closed; "
        "they are in no statistic."
    )
    evidence = {"kind": kind, "events": events, "late_seconds": _late_seconds(account)}
    return Finding("late", "bad", text, value=share, threshold=limit, evidence=evidence)


def _late_seconds(account: KindAccount) -> dict[str, float]:
    """Return by how many seconds the oldest late event of each publisher is older than its record."""
    return {name: -clock.least_ms / 1000 for name, clock in account.clocks.items() if clock.late}


def _clock(kind: Kind, account: KindAccount, limit: float) -> Finding | None:
    """Find the publisher with the most events that are set aside as ahead, or that alone is late."""
    found = [
        (clock.ahead, f"The clock of {_named(name)} is ahead: {_ahead(kind, clock)}", clock, name)
        for name, clock in account.clocks.items()
        if clock.ahead and is_above(clock.ahead, clock.events, limit)
    ]
    found += [
        (clock.late, f"The clock of {_named(name)} is behind: {_behind(kind, clock)}", clock, name)
        for name, clock in account.clocks.items()
        if name != OTHER_PUBLISHERS and _is_alone_late(name, account, limit)
    ]
    if not found:
        return None
    count, text, clock, name = max(found, key=lambda each: (each[0], each[1]))
    evidence = {
        "kind": kind,
        "publisher": name,
        "events": clock.events,
        "least_seconds": clock.least_ms / 1000,
        "most_seconds": clock.most_ms / 1000,
    }
    return Finding("clock", "bad", text, value=count / clock.events, threshold=limit, evidence=evidence)


def _is_alone_late(name: str, account: KindAccount, limit: float) -> bool:
    """Return whether a publisher's events are late while those of the others are not."""
    clock = account.clocks[name]
    others = [each for key, each in account.clocks.items() if key != name]
    late, events = sum(each.late for each in others), sum(each.events for each in others)
    if not clock.late or not events or not is_above(clock.late, clock.events, limit):
        return False
    return not is_above(late, events, limit)


def _ahead(kind: Kind, clock: PublisherClock) -> str:
    return f"{clock.ahead} {kind} are up to {_span(clock.most_ms)} ahead of their arrival, and are set aside."


def _behind(kind: Kind, clock: PublisherClock) -> str:
    return (
        f"{clock.late} {kind} are up to {_span(-clock.least_ms)} old on arrival, and those of others are not."
    )


def _named(publisher: str) -> str:
    return f"the publisher {publisher}" if publisher else "a publisher without a name (`ce_source`)"


def _span(ms: int) -> str:
    return f"{ms / 1000:.0f} s" if ms < _SECONDS_MAX * 1000 else f"{ms / 60_000:.0f} min"


def _worst(findings: Sequence[Finding | None]) -> Finding | None:
    return max((each for each in findings if each), key=lambda each: each.value or 0.0, default=None)
