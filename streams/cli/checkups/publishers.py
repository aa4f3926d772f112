"""The checks of publishers: how much of what they publish is in statistics, and whether clocks are ahead."""

from collections.abc import Iterator

from watchkeeper.streams.cli.checkups.checkup import Checkup, ago, named
from watchkeeper.streams.cli.checkups.facts import Facts

__all__ = ["check_clocks", "check_coverage"]

COVERAGE_MIN = 0.9
"""Share of a subject's events that must be in statistics. The alert ReadCoverageLow has the same limit."""
AHEAD_MS_MAX = 60_000
"""Milliseconds that an event may be ahead of its arrival: the default of `windows.ahead`."""


def check_coverage(facts: Facts) -> Iterator[Checkup]:
    """Check that the events of each subject are in its statistics.

    Args:
        facts: What was read from the broker.
    """
    shares = {
        name: each.read_coverage for name, each in facts.troubles.items() if each.read_coverage is not None
    }
    low = sorted((share, name) for name, share in shares.items() if share < COVERAGE_MIN)
    if low:
        parts = named([f"{name} ({share:.0%})" for share, name in low])
        yield Checkup("fail", f"a part of the events is in no statistic: {parts}; see ReadCoverageLow")


def check_clocks(facts: Facts) -> Iterator[Checkup]:
    """Check that no publisher's events are ahead of the time at which they arrived.

    Args:
        facts: What was read from the broker.
    """
    ahead = [
        f"{publisher or 'a publisher without a name'} of {subject} ({ago(clock.most_ms)})"
        for subject, each in sorted(facts.troubles.items())
        for publisher, clock in each.clocks.items()
        if clock.most_ms > AHEAD_MS_MAX
    ]
    if ahead:
        yield Checkup("warn", f"clocks that are ahead: {named(ahead)}; see PublisherClockWrong")
