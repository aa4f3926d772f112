"""Keeps abnormal windows out of the recent windows until the change has lasted: then it is the new normal."""

from collections.abc import Mapping

from watchkeeper.streams.evaluate.judgement import WindowJudgement

WINDOWS = 8
"""Number of consecutive windows after which a change is the new normal. Chosen by hand: a larger number keeps
a fault out of the baseline for longer, and alerts on a wanted change for longer."""
_DRIFT = "drift in "
"""Marks a streak of drift. No segment begins like this, because names of features have no spaces."""


def longer_streaks(streaks: Mapping[str, int], judgement: WindowJudgement) -> dict[str, int]:
    """Count consecutive windows with unusual traffic, and with drift, by segment.

    Drift counts because a fault that begins within a window may show only as drift until the next one.
    """
    names = judgement.unusual_traffic | {_DRIFT + segment for segment in judgement.drifting}
    return {name: streaks.get(name, 0) + 1 for name in names}


def not_yet_normal(streaks: Mapping[str, int], windows: int) -> set[str]:
    """Return the segments with a change that has lasted for at most this many windows.

    >>> sorted(not_yet_normal({"country=NL": 8, "drift in country=BE": 1, "": 9}, 8))
    ['country=BE', 'country=NL']
    """
    return {name.removeprefix(_DRIFT) for name, streak in streaks.items() if streak <= windows}
