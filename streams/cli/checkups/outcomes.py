"""The checks of what became of events: accepted, late, rejected, or that no monitor watches."""

from collections import Counter
from collections.abc import Iterator, Mapping

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.cli.checkups.checkup import Checkup, named
from watchkeeper.streams.cli.checkups.facts import Facts
from watchkeeper.streams.cli.ledger import subject_of
from watchkeeper.streams.ingest.accounts import Account

__all__ = ["LATE_SHARE_MAX", "check_outcomes", "check_rejections", "check_unwatched"]

LATE_SHARE_MAX = 0.01
"""Share of late events from which on it is a warning. Chosen by hand: publishers with right clocks, in order
of event time, have none. The alert EventsLate has the same limit."""
RECENT_MS = 3_600_000
"""Milliseconds for which a rejection is recent. Chosen by hand: what was wrong last week may be mended."""
_UNWATCHED = ("unknown_model", "unknown_feature_view")


def check_outcomes(facts: Facts) -> Iterator[Checkup]:
    """Tell the account of each source topic, and warn if many events were late.

    Args:
        facts: What was read from the broker.
    """
    for topic in ("predictions", "labels", "features"):
        accounts = [part.accounts[topic] for part in facts.ingest.values() if topic in part.accounts]
        total = Account(
            *(sum(getattr(each, name) for each in accounts) for name in Account.__struct_fields__)
        )
        if not total.total:
            continue
        counts = ", ".join(f"{getattr(total, name)} {name}" for name in Account.__struct_fields__)
        what = f"{topic}: of {total.total} events {counts}"
        if total.late > LATE_SHARE_MAX * total.total:
            yield Checkup("warn", f"{what}; late events are in no statistic: see EventsLate")
        else:
            yield Checkup("ok", what)


def check_rejections(facts: Facts) -> Iterator[Checkup]:
    """Warn of events that were rejected within the last hour, by topic and reason.

    Args:
        facts: What was read from the broker.
    """
    recent = Counter(
        (each.topic, each.reason)
        for each in facts.rejections
        if each.replayed is None
        and each.reason not in _UNWATCHED
        and facts.now_ms - each.rejected_at_ms <= RECENT_MS
    )
    if recent:
        parts = [f"{count} of {topic} ({reason})" for (topic, reason), count in recent.most_common()]
        yield Checkup(
            "warn",
            f"rejected within an hour, among the newest: {named(parts)}; "
            "see: watchkeeper rejected list --summary",
        )


def check_unwatched(facts: Facts, monitors: Mapping[str, Monitor]) -> Iterator[Checkup]:
    """Warn of events of models and feature views that no monitor watches.

    Args:
        facts: What was read from the broker.
        monitors: The newest monitor of each subject.
    """
    recent = Counter(
        subject_of(each) or "a model without a name"
        for each in facts.rejections
        if each.reason in _UNWATCHED and facts.now_ms - each.rejected_at_ms <= RECENT_MS
    )
    if lacking := [(name, count) for name, count in recent.most_common() if name not in monitors]:
        parts = [f"{count} of {name}" for name, count in lacking]
        yield Checkup(
            "warn",
            f"events that no monitor watches, among the newest: {named(parts)}; apply a monitor, then run: "
            "watchkeeper rejected replay --model NAME",
        )
    if late := [(name, count) for name, count in recent.most_common() if name in monitors]:
        parts = [f"{count} of {name}" for name, count in late]
        yield Checkup(
            "warn",
            f"events that came before their monitor: {named(parts)}; "
            "run: watchkeeper rejected replay --model NAME",
        )
